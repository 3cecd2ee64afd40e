import { formatDateTime } from '../format/dates'

/** The fields of an audit event that its label consists of. */
type AuditedAction = { action: string; targetName: string; details: string }

const ACTIONS = new Map<string, (act: AuditedAction) => string>([
  ['user.create', () => 'Created the account'],
  ['user.import', () => 'Imported the account from another system'],
  ['user.update', () => 'Changed the account'],
  ['user.set_password', () => 'Set the password'],
  ['user.delete', () => 'Deleted the account'],
  ['balance.adjust', () => 'Adjusted the balance'],
  ['chat.delete', ({ targetName }) => `Deleted a message of ${targetName}`],
  ['chat.usage_over_hold', ({ targetName }) => `The usage of a message of ${targetName} exceeded what was reserved`],
  ['api_key.create', (act) => `Created the API key ${describeKey(act)}`],
  ['api_key.revoke', (act) => `Revoked the API key ${describeKey(act)}`],
])

/** Returns the label of an audited action. An action that is newer than this client is shown as it is. */
export function actionLabel(act: AuditedAction): string {
  return ACTIONS.get(act.action)?.(act) ?? act.action
}

/** Returns the owner of the target: of an API key its user, else the target itself. */
export function targetOwner({ action, targetName, details }: AuditedAction): string {
  return isApiKeyAction(action) ? (stringField(details, 'user') ?? targetName) : targetName
}

/** Formats the details, a JSON object, as "name: value, ..", without the fields that the label contains. */
export function formatDetails({ action, details }: Pick<AuditedAction, 'action' | 'details'>): string {
  const omitted = isApiKeyAction(action) ? ['user', 'name'] : []
  const parsed = parseObject(details)
  if (!parsed) return details
  return Object.entries(parsed)
    .filter(([name]) => !omitted.includes(name))
    .map(([name, value]) => `${name.replaceAll('_', ' ')}: ${formatValue(value)}`)
    .join(', ')
}

function isApiKeyAction(action: string): boolean {
  return action.startsWith('api_key.')
}

/** Describes an API key: "jt-0123456789ab… of mia (my tool)". */
function describeKey(act: AuditedAction): string {
  const name = stringField(act.details, 'name')
  return `${act.targetName}… of ${targetOwner(act)}${name === null ? '' : ` (${name})`}`
}

function stringField(details: string, name: string): string | null {
  const value = parseObject(details)?.[name]
  return typeof value === 'string' ? value : null
}

function parseObject(details: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(details)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : null
  } catch {
    return null
  }
}

function formatValue(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value !== 'string') return JSON.stringify(value)
  return /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(value) ? formatDateTime(value) : value.replaceAll(/,(?=\S)/g, ', ')
}

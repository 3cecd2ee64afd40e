import { changeOf, formatAdjustment, formatFields, formatPriceChange, parseDetails } from './auditDetails'

/** The fields of an audit event that its label consists of. */
type AuditedAction = { action: string; targetName: string; details: string }

const ACTIONS = new Map<string, (act: AuditedAction) => string>([
  ['user.create', () => 'Created the account'],
  ['user.import', () => 'Imported the account from another system'],
  ['user.update', updateLabel],
  ['user.set_password', () => 'Set the password'],
  ['user.log_out', () => 'Logged the user out of all devices'],
  ['user.delete', () => 'Deleted the account'],
  ['balance.adjust', () => 'Adjusted the balance'],
  ['chat.read', (act) => `Read ${isOfOneChat(act) ? 'a message' : 'messages'} of ${act.targetName}`],
  ['chat.delete', ({ targetName }) => `Deleted a message of ${targetName}`],
  ['chat.usage_over_hold', ({ targetName }) => `The usage of a message of ${targetName} exceeded what was reserved`],
  ['api_key.create', (act) => `Created the API key ${describeKey(act)}`],
  ['api_key.revoke', (act) => `Revoked the API key ${describeKey(act)}`],
  ['group.create', ({ targetName }) => `Created the group ${targetName}`],
  ['group.update', ({ targetName }) => `Changed the group ${targetName}`],
  ['group.delete', ({ targetName }) => `Deleted the group ${targetName}`],
  ['group.add_members', ({ targetName }) => `Added members to the group ${targetName}`],
  ['group.update_member', ({ targetName }) => `Changed the role of a member of the group ${targetName}`],
  ['group.remove_member', ({ targetName }) => `Removed a member from the group ${targetName}`],
  ['group.adjust_balance', ({ targetName }) => `Adjusted the balance of the group ${targetName}`],
  ['provider.create', ({ targetName }) => `Connected the provider ${targetName}`],
  ['provider.update', ({ targetName }) => `Changed the provider ${targetName}`],
  ['provider.delete', ({ targetName }) => `Deleted the provider ${targetName}`],
  ['breaker.reset', ({ targetName }) => `Reset the circuit breakers of ${targetName}`],
  ['model.create', ({ targetName }) => `Added the model ${targetName}`],
  ['model.update', modelUpdateLabel],
  ['model.set_price', ({ targetName }) => `Set the price of the model ${targetName}`],
  ['model.set_default', setDefaultLabel],
  ['model.delete', ({ targetName }) => `Deleted the model ${targetName}`],
  ['config.reload', ({ targetName }) => `Reloaded the configuration of the server ${targetName}`],
  ['webhook.create', ({ targetName }) => `Added the webhook ${targetName}`],
  ['webhook.update', ({ targetName }) => `Changed the webhook ${targetName}`],
  ['webhook.delete', ({ targetName }) => `Deleted the webhook ${targetName}`],
  ['webhook.rotate_secret', ({ targetName }) => `Replaced the secret of the webhook ${targetName}`],
  ['webhook.disable', ({ targetName }) => `Disabled the webhook ${targetName}, which failed`],
])

/** Returns the label of an audited action. An action that is newer than this client is shown as it is. */
export function actionLabel(act: AuditedAction): string {
  return ACTIONS.get(act.action)?.(act) ?? act.action
}

/** Returns the owner of the target: of an API key its user, else the target itself. */
export function targetOwner({ action, targetName, details }: AuditedAction): string {
  return isApiKeyAction(action) ? (stringField(details, 'user') ?? targetName) : targetName
}

/** Returns whether the target is one message, which may still be there. */
export function isOfOneChat({ action, details }: Pick<AuditedAction, 'action' | 'details'>): boolean {
  // Of several, the target is the user.
  if (action === 'chat.read') return parseDetails(details)?.chats === 1
  return action === 'chat.usage_over_hold'
}

/** Formats the details without the fields that the label contains. Invalid ones are shown as they are. */
export function formatDetails(act: Pick<AuditedAction, 'action' | 'details'>): string {
  const details = parseDetails(act.details)
  if (!details) return act.details
  if (act.action === 'balance.adjust' || act.action === 'group.adjust_balance') return formatAdjustment(details)
  if (act.action === 'model.set_price') return formatPriceChange(details)
  if (isApiKeyAction(act.action)) return formatFields(details, ['user', 'name'])
  return formatFields(details, isOfOneChat(act) ? ['chats'] : [])
}

function setDefaultLabel({ targetName, details }: AuditedAction): string {
  const isSet = typeof parseDetails(details)?.to === 'string'
  return isSet ? `Made ${targetName} the default model` : 'Left the default model to the configuration'
}

function updateLabel({ details }: AuditedAction): string {
  const parsed = parseDetails(details)
  const active = changeOf(parsed, 'active')
  const hasRole = changeOf(parsed, 'staff') !== null || changeOf(parsed, 'superuser') !== null
  if (active && !hasRole) return active.to === true ? 'Activated the account' : 'Deactivated the account'
  return hasRole && !active ? 'Changed the role' : 'Changed the account'
}

function modelUpdateLabel({ details, targetName }: AuditedAction): string {
  const parsed = parseDetails(details) ?? {}
  const enabled = Object.keys(parsed).length === 1 ? changeOf(parsed, 'enabled') : null
  if (!enabled) return `Changed the model ${targetName}`
  return `${enabled.to === true ? 'Enabled' : 'Disabled'} the model ${targetName}`
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
  const value = parseDetails(details)?.[name]
  return typeof value === 'string' ? value : null
}

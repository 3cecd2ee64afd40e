import { moment } from '../text/dates'

const ACTIONS = new Map<string, (name: string) => string>([
  ['user.create', () => 'Made the account'],
  ['user.update', () => 'Changed the account'],
  ['user.set_password', () => 'Set the password'],
  ['user.delete', () => 'Deleted the account'],
  ['balance.adjust', () => 'Adjusted the balance'],
  ['chat.delete', (name) => `Deleted a chat of ${name}`],
])

/** What was done, and to whom, in words; an action that is newer than this page as it is. */
export function actionInWords(action: string, targetName: string): string {
  return ACTIONS.get(action)?.(targetName) ?? action
}

/** The details, a JSON object, as "name: value, ..". */
export function detailsInWords(details: string): string {
  try {
    const parsed: unknown = JSON.parse(details)
    if (typeof parsed !== 'object' || parsed === null) return details
    return Object.entries(parsed)
      .map(([name, value]) => `${name.replaceAll('_', ' ')}: ${valueInWords(value)}`)
      .join(', ')
  } catch {
    return details
  }
}

function valueInWords(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value !== 'string') return JSON.stringify(value)
  return /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(value) ? moment(value) : value
}

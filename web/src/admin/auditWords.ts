const ACTIONS = new Map([
  ['user.create', 'Made the account'],
  ['user.update', 'Changed the account'],
  ['user.set_password', 'Set the password'],
  ['user.delete', 'Deleted the account'],
  ['balance.adjust', 'Adjusted the balance'],
])

/** What was done, in words; an action that is newer than this page as it is. */
export function actionInWords(action: string): string {
  return ACTIONS.get(action) ?? action
}

/** The details, a JSON object, as "name: value, ..". */
export function detailsInWords(details: string): string {
  try {
    const parsed: unknown = JSON.parse(details)
    if (typeof parsed !== 'object' || parsed === null) return details
    return Object.entries(parsed)
      .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join(', ')
  } catch {
    return details
  }
}

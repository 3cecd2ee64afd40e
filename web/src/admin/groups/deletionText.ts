import { formatTokens } from '../../format/prices'
import type { AdminGroup } from './GroupPage'

/** Returns what the deletion of a group does, for its confirmation. */
export function deletionText(group: Pick<AdminGroup, 'memberCount' | 'balance'>): string {
  const tokens = group.balance?.tokens ?? 0
  const rest = tokens > 0 ? `Its balance of ${formatTokens(tokens)} is written off.` : 'Its balance is empty.'
  const members = group.memberCount ? ' Its members pay from their own balances from then on.' : ''
  return `${rest}${members} The ledger and the audit log keep their entries. This can’t be undone.`
}

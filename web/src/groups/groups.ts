import { formatCount, pluralize } from '../format/numbers'
import type { GroupFieldsFragment, GroupLedgerQuery, GroupRole } from '../gql/groups'

export type Group = GroupFieldsFragment

type Ledger = NonNullable<NonNullable<GroupLedgerQuery['group']>['ledgerHistory']>

/** An entry of the ledger of a group. */
export type GroupEntry = Ledger['nodes'][number]

const ROLES: Record<GroupRole, string> = { MEMBER: 'Member', MANAGER: 'Manager' }

/** The roles of members, for a select. */
export const ROLE_CHOICES = Object.entries(ROLES).map(([value, label]) => ({ value: value as GroupRole, label }))

/** Returns the label of a role. A role that is newer than this client is shown as it is. */
export function groupRoleLabel(role: GroupRole): string {
  return (ROLES as Partial<Record<string, string>>)[role] ?? role
}

/** Returns how many members a group has: "12 members", "everyone". */
export function membersLabel({ memberCount }: Pick<Group, 'memberCount'>): string {
  return memberCount === null ? 'everyone' : pluralize(memberCount, 'member')
}

/**
 * Returns the groups that may be chosen as the payer. The default group, which everyone belongs to, is one only if it has
 * tokens, or if it is chosen.
 */
export function payersOf(groups: readonly Group[], chosen: string | null): Group[] {
  return groups.filter(({ id, isDefault, balance }) => !isDefault || id === chosen || (balance?.tokens ?? 0) > 0)
}

/** Returns the label of a group as the payer: "Team · 900". */
export function payerLabel({ name, balance }: Pick<Group, 'name' | 'balance'>): string {
  return balance ? `${name} · ${formatCount(balance.tokens)}` : name
}

/** Returns who caused an entry: the member who spent, or the operator. */
export function causeOf({ user, actor, reason }: Pick<GroupEntry, 'user' | 'actor' | 'reason'>): string {
  const name = (user ?? actor)?.username
  if (name !== undefined) return name
  return reason === 'ADJUSTMENT' ? 'an operator' : 'a deleted account'
}

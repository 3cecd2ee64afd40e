import { startOfDay } from '../format/dates'
import type { AuditAction, ChatStatus, LedgerReason, UserFilterInput, UserOrder } from '../gql/admin'
import type { KeyState } from '../keys/keyLabels'

// The filters of the lists. A new filter of the API is added here and to its document in admin.graphql.

/** The filters of the list of users. An empty one filters nothing. */
export type UserFilters = {
  search: string
  active: boolean | null
  role: RoleFilter | null
  /** The smallest and the largest spendable balance. */
  minTokens: number | null
  maxTokens: number | null
  orderBy: UserOrder | null
}

/** The roles that users are filtered by; a superuser may be staff as well. */
export const ROLE_FILTERS = ['user', 'staff', 'superuser'] as const
export type RoleFilter = (typeof ROLE_FILTERS)[number]

/** The filters that match all users. */
export const ALL_USERS: UserFilters = {
  search: '',
  active: null,
  role: null,
  minTokens: null,
  maxTokens: null,
  orderBy: null,
}

/** Days in the local time zone, "2026-01-31"; the last one included. */
export type DateRange = { since: string | null; until: string | null }

/** The filters of the list of chats. */
export type ChatFilters = DateRange & {
  userId: string | null
  search: string
  model: string | null
  status: ChatStatus | null
}

/** The filters of the list of API keys. */
export type KeyFilters = { userId: string | null; search: string; state: KeyState | null }

/** The filters of the ledger. */
export type LedgerFilters = DateRange & {
  userId: string | null
  /** Null for all. */
  reasons: LedgerReason[] | null
}

/** The filters of the audit trail. */
export type AuditFilters = DateRange & {
  /** The target of the action: a user, a chat, or an API key. */
  targetId: string | null
  /** The user who performed the action. */
  actorId: string | null
  /** Null for all. */
  actions: AuditAction[] | null
}

/** The orders of the list of users by a column: ascending, descending. The first that a header selects is `first`. */
export const USER_SORTS = {
  name: { ascending: 'NAME', descending: 'NAME_DESCENDING', first: 'ascending' },
  balance: { ascending: 'FEWEST_TOKENS', descending: 'MOST_TOKENS', first: 'descending' },
  created: { ascending: 'OLDEST', descending: 'NEWEST', first: 'descending' },
  spent: { ascending: 'LEAST_SPENT', descending: 'MOST_SPENT', first: 'descending' },
  active: { ascending: 'LEAST_RECENTLY_ACTIVE', descending: 'RECENTLY_ACTIVE', first: 'descending' },
  login: { ascending: 'LEAST_RECENT_LOGIN', descending: 'RECENT_LOGIN', first: 'descending' },
} as const satisfies Record<string, { ascending: UserOrder; descending: UserOrder; first: 'ascending' | 'descending' }>

/** Returns the state of a sortable header, and the order that it selects. */
export function userSort(column: keyof typeof USER_SORTS, order: UserOrder) {
  const { ascending, descending, first } = USER_SORTS[column]
  const direction = order === ascending ? 'ascending' : order === descending ? 'descending' : null
  const next = direction === null ? first : direction === 'ascending' ? 'descending' : 'ascending'
  return { direction, next: next === 'ascending' ? ascending : descending } as const
}

/** The date range without bounds. */
export const ALL_TIME: DateRange = { since: null, until: null }

/** The filters that match all chats. */
export const ALL_CHATS: ChatFilters = { userId: null, search: '', model: null, status: null, ...ALL_TIME }

/** Converts a date range to the times at which it starts and ends, in the local time zone. */
export function timeRangeOf({ since, until }: DateRange): DateRange {
  return { since: since && startOfDay(since), until: until && startOfDay(until, 1) }
}

/** Parses a choice of a list; anything else is no filter. */
export function parseChoice<T extends string>(choices: readonly T[], value: string | null): T | null {
  return choices.find((choice) => choice === value) ?? null
}

/** Parses "yes" and "no"; anything else is no filter. */
export function parseYesNo(value: string | null): boolean | null {
  return value === 'yes' ? true : value === 'no' ? false : null
}

/** Parses an amount of tokens; anything else is no filter. */
export function parseTokens(value: string | null): number | null {
  const amount = value === null || !/^\d+$/.test(value) ? NaN : Number(value)
  return Number.isSafeInteger(amount) ? amount : null
}

/** Converts the filters of the list to those of the API. */
export function filterInput({ search, active, role, minTokens, maxTokens }: Omit<UserFilters, 'orderBy'>) {
  return {
    search: search === '' ? null : search,
    active,
    staff: role === 'user' ? false : role === 'staff' ? true : null,
    superuser: role === 'user' ? false : role === 'superuser' ? true : null,
    minTokens,
    maxTokens,
  } satisfies UserFilterInput
}

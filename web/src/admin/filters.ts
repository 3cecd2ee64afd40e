import { startOfDay } from '../format/dates'
import type { ChatStatus, UserOrder } from '../gql/admin'

// The filters of the lists. A new filter of the API is added here and to its document in admin.graphql.

/** The filters of the list of users. An empty one filters nothing. */
export type UserFilters = {
  search: string
  active: boolean | null
  staff: boolean | null
  orderBy: UserOrder | null
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
export type KeyFilters = { userId: string | null; search: string }

/** The filters of the ledger. */
export type LedgerFilters = DateRange & { userId: string | null }

/** The filters of the audit trail. */
export type AuditFilters = DateRange & {
  /** The target of the action: a user, a chat, or an API key. */
  targetId: string | null
  /** The user who performed the action. */
  actorId: string | null
}

/** The orders of the list of users by a column: ascending, descending. The first that a header selects is `first`. */
export const USER_SORTS = {
  name: { ascending: 'NAME', descending: 'NAME_DESCENDING', first: 'ascending' },
  balance: { ascending: 'FEWEST_TOKENS', descending: 'MOST_TOKENS', first: 'descending' },
  created: { ascending: 'OLDEST', descending: 'NEWEST', first: 'descending' },
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

/** Returns the time range of one instant, up to the next millisecond: the server has a finer resolution. */
export function instantRange(iso: string): { since: string; until: string } {
  return { since: iso, until: new Date(Date.parse(iso) + 1).toISOString() }
}

import { startOfDay } from '../format/dates'
import type { ChatStatus, UserOrder } from '../gql/admin'

// What the lists can be filtered by. A filter that the API learns is added here and to its document in admin.graphql.

/** An empty field filters nothing. */
export type UserFilters = {
  search: string
  active: boolean | null
  staff: boolean | null
  orderBy: UserOrder | null
}

/** Days in the reader's own time, "2026-01-31"; the last one included. */
export type DateRange = { since: string | null; until: string | null }

export type ChatFilters = DateRange & {
  userId: string | null
  search: string
  model: string | null
  status: ChatStatus | null
}

export type KeyFilters = { userId: string | null; search: string }

export type LedgerFilters = DateRange & { userId: string | null }

export type AuditFilters = DateRange & {
  /** What it was done to: a user, a chat, or an API key. */
  targetId: string | null
  /** Who did it. */
  actorId: string | null
}

/** Always. */
export const ALL_TIME: DateRange = { since: null, until: null }

/** No filter at all. */
export const ALL_CHATS: ChatFilters = { userId: null, search: '', model: null, status: null, ...ALL_TIME }

/** The moments between which the days of a range are, for the reader. */
export function timeRangeOf({ since, until }: DateRange): DateRange {
  return { since: since && startOfDay(since), until: until && startOfDay(until, 1) }
}

/** One of the choices of a list; anything else is no filter. */
export function parseChoice<T extends string>(choices: readonly T[], value: string | null): T | null {
  return choices.find((choice) => choice === value) ?? null
}

/** "yes" and "no" as choices of a list; anything else is no filter. */
export function parseYesNo(value: string | null): boolean | null {
  return value === 'yes' ? true : value === 'no' ? false : null
}

/** The range of one moment, up to the next millisecond: the server counts in finer steps than this page. */
export function instantRange(iso: string): { since: string; until: string } {
  return { since: iso, until: new Date(Date.parse(iso) + 1).toISOString() }
}

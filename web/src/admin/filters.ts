import type { ChatStatus, UserOrder } from '../gql/admin'

// What the lists can be filtered by. A filter that the API learns is added here and to its document in admin.graphql.

/** An empty field filters nothing. */
export type UserFilters = {
  search: string
  active: boolean | null
  staff: boolean | null
  orderBy: UserOrder | null
}

export type ChatFilters = {
  userId: string | null
  search: string
  model: string | null
  status: ChatStatus | null
  /** Days in the reader's own time, "2026-01-31"; the last one included. */
  since: string | null
  until: string | null
}

/** No filter at all. */
export const ALL_CHATS: ChatFilters = {
  userId: null,
  search: '',
  model: null,
  status: null,
  since: null,
  until: null,
}

export type LedgerFilters = { userId: string | null }

export type AuditFilters = {
  /** To whom it was done. */
  userId: string | null
  /** Who did it. */
  actorId: string | null
}

/** The moment when a day begins, so many days later, for the reader; null for what is no day. */
export function startOf(day: string | null, later = 0): string | null {
  const [year, month, date] = (day ?? '').split('-').map(Number)
  if (!year || !month || !date) return null
  return new Date(year, month - 1, date + later).toISOString()
}

/** One of the choices of a list; anything else is no filter. */
export function oneOf<T extends string>(choices: readonly T[], value: string | null): T | null {
  return choices.find((choice) => choice === value) ?? null
}

/** "yes" and "no" as choices of a list; anything else is no filter. */
export function choiceOf(value: string | null): boolean | null {
  return value === 'yes' ? true : value === 'no' ? false : null
}

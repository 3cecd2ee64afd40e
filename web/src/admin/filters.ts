// What the lists can be filtered by. A filter that the API learns is added here and to its document in admin.graphql.

/** An empty field filters nothing. */
export type UserFilters = { search: string; active: boolean | null; staff: boolean | null }

export type ChatFilters = { userId: string | null }

export type LedgerFilters = { userId: string | null }

export type AuditFilters = {
  /** To whom it was done. */
  userId: string | null
  /** Who did it. */
  actorId: string | null
}

/** "yes" and "no" as choices of a list; anything else is no filter. */
export function choiceOf(value: string | null): boolean | null {
  return value === 'yes' ? true : value === 'no' ? false : null
}

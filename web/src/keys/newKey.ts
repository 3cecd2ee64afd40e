import { endOfDay } from '../format/dates'
import type { CreateApiKeyInput, Scope } from '../gql/keys'

/** A field for a number holds a text while it is empty, or too large for a number. */
export type Limit = number | string

export type NewKey = {
  name: string
  scopes: Scope[]
  /** None: all. */
  models: string[]
  /** The last day, "2026-01-31". */
  expiresAt: string | null
  total: Limit
  perDay: Limit
  perMonth: Limit
}

export const EMPTY_KEY: NewKey = {
  name: '',
  scopes: ['COMPLETIONS'],
  models: [],
  expiresAt: null,
  total: '',
  perDay: '',
  perMonth: '',
}

/** What is wrong with a limit; whether it is large enough is the server's to say. */
export function validateLimit(limit: Limit): string | null {
  return limit === '' || Number.isSafeInteger(limit) ? null : 'A whole number'
}

/** What the server is told of it. */
export function toCreateInput({ name, scopes, models, expiresAt, ...limits }: NewKey): CreateApiKeyInput {
  const amount = (limit: Limit) => (typeof limit === 'number' ? limit : null)
  return {
    name: name.trim(),
    scopes,
    models: models.length > 0 ? models : null,
    expiresAt: expiresAt === null ? null : endOfDay(expiresAt),
    spendingLimit: {
      total: amount(limits.total),
      perDay: amount(limits.perDay),
      perMonth: amount(limits.perMonth),
    },
  }
}

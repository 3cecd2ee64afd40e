import { endOfDay } from '../format/dates'
import type { CreateApiKeyInput, Scope } from '../gql/keys'

/** The value of a number field: a string if it is empty, or too large for a number. */
export type Limit = number | string

/** The values of the form for a new key. */
export type NewKey = {
  name: string
  scopes: Scope[]
  /** Empty for all models. */
  models: string[]
  /** The last day, "2026-01-31". */
  expiresAt: string | null
  /** The group that pays; null for who pays by default. */
  payerGroupId: string | null
  total: Limit
  perDay: Limit
  perMonth: Limit
}

export const EMPTY_KEY: NewKey = {
  name: '',
  scopes: ['COMPLETIONS'],
  models: [],
  expiresAt: null,
  payerGroupId: null,
  total: '',
  perDay: '',
  perMonth: '',
}

/** Returns the validation error of a limit, if any. The server validates its minimum. */
export function validateLimit(limit: Limit): string | null {
  return limit === '' || Number.isSafeInteger(limit) ? null : 'Enter a whole number'
}

/** Converts the values of the form to the input of the mutation. */
export function toCreateInput({ name, scopes, models, expiresAt, payerGroupId, ...limits }: NewKey): CreateApiKeyInput {
  const amount = (limit: Limit) => (typeof limit === 'number' ? limit : null)
  return {
    name: name.trim(),
    scopes,
    models: models.length > 0 ? models : null,
    expiresAt: expiresAt === null ? null : endOfDay(expiresAt),
    payerGroupId,
    spendingLimit: {
      total: amount(limits.total),
      perDay: amount(limits.perDay),
      perMonth: amount(limits.perMonth),
    },
  }
}

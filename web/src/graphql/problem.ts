import type { CombinedError } from '@urql/core'
import type { ErrorCode } from '../gql/session'

/** A mistake that a mutation tells as data. */
export type Mistake = { code: ErrorCode; field: string | null; message: string }

/** What went wrong, whichever way it came: as an error, as a mistake, or because the server was not reached. */
export class Problem extends Error {
  readonly code: ErrorCode | 'NETWORK'
  /** Seconds after which to try again, where the server said so. */
  readonly retryAfter: number | null
  /** One message for each input field that has a mistake. */
  readonly fields: Record<string, string>

  constructor(
    code: Problem['code'],
    message: string,
    more: { retryAfter?: number; fields?: Record<string, string> } = {},
  ) {
    super(message)
    this.name = 'Problem'
    this.code = code
    this.retryAfter = more.retryAfter ?? null
    this.fields = more.fields ?? {}
  }
}

const NOT_REACHED = 'The server can’t be reached. Check your connection and try again.'

export function notReached(): Problem {
  return new Problem('NETWORK', NOT_REACHED)
}

/** The shape that GraphQL errors have on the wire. */
export type WireError = { message: string; extensions?: Record<string, unknown> | undefined }

export function problemOfErrors(errors: readonly WireError[]): Problem {
  const error = errors[0]
  const code = error?.extensions?.code
  const retryAfter = error?.extensions?.retryAfter
  return new Problem(
    typeof code === 'string' ? (code as ErrorCode) : 'INTERNAL',
    error?.message ?? 'Something went wrong.',
    typeof retryAfter === 'number' ? { retryAfter } : {},
  )
}

export function problemOfCombined(error: CombinedError): Problem {
  if (error.graphQLErrors.length > 0) return problemOfErrors(error.graphQLErrors)
  return error.networkError instanceof Problem ? error.networkError : notReached()
}

/** The mistakes of a mutation as one problem; null where there are none. */
export function problemOfMistakes(mistakes: readonly Mistake[]): Problem | null {
  const first = mistakes[0]
  if (!first) return null
  const fields: Record<string, string> = {}
  for (const { field, message } of mistakes) {
    if (field) fields[field] = message
  }
  return new Problem(first.code, mistakes.map((mistake) => mistake.message).join(' '), { fields })
}

/** Anything that was thrown, as a problem. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown
  return new Problem('INTERNAL', thrown instanceof Error ? thrown.message : 'Something went wrong.')
}

import type { CombinedError } from '@urql/core'
import { pluralize } from '../format/numbers'
import type { ErrorCode } from '../gql/session'

/** A validation error of a mutation, which it returns as data. */
export type UserError = {
  code: ErrorCode
  field: string | null
  message: string
  required?: number | null
  available?: number | null
}

/** The tokens that a message needs, and those that are available. */
export type Shortage = { required: number; available: number }

/** A failed request: a GraphQL error, validation errors of a mutation, or a network error. */
export class Problem extends Error {
  readonly code: ErrorCode | 'NETWORK'
  /** Seconds after which to retry, if the server said so. */
  readonly retryAfter: number | null
  /** Validation errors by input field, one a line. */
  readonly fields: Record<string, string>
  /** What is missing, with INSUFFICIENT_TOKENS. */
  readonly shortage: Shortage | null

  constructor(
    code: Problem['code'],
    message: string,
    more: { retryAfter?: number; fields?: Record<string, string>; shortage?: Shortage | null } = {},
  ) {
    super(message)
    this.name = 'Problem'
    this.code = code
    this.retryAfter = more.retryAfter ?? null
    this.fields = more.fields ?? {}
    this.shortage = more.shortage ?? null
  }
}

const UNREACHABLE_MESSAGE = 'The server can’t be reached. Check your connection and try again.'

/** Creates the problem of a network error. */
export function serverUnreachable(): Problem {
  return new Problem('NETWORK', UNREACHABLE_MESSAGE)
}

/** A GraphQL error as it is sent. */
export type WireError = { message: string; extensions?: Record<string, unknown> | undefined }

/** Converts GraphQL errors to a problem, which is the first of them. */
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

/** Converts an error of urql to a problem. */
export function problemOfCombinedError(error: CombinedError): Problem {
  if (error.graphQLErrors.length > 0) return problemOfErrors(error.graphQLErrors)
  return error.networkError instanceof Problem ? error.networkError : serverUnreachable()
}

/** Converts the validation errors of a mutation to one problem; null if there are none. */
export function problemOfUserErrors(errors: readonly UserError[]): Problem | null {
  const first = errors[0]
  if (!first) return null
  const fields: Record<string, string> = {}
  for (const { field, message } of errors) {
    if (field) fields[field] = field in fields ? `${fields[field]}\n${message}` : message
  }
  return new Problem(first.code, errors.map((error) => error.message).join(' '), {
    fields,
    shortage: shortageOf(first),
  })
}

function shortageOf({ required, available }: UserError): Shortage | null {
  return typeof required === 'number' && typeof available === 'number' ? { required, available } : null
}

/** The end of a message that says when to retry, which is shown from `retryAfter`. */
const RETRY_SENTENCE = / ?Try again in \d+ seconds?\.$/

/** Returns the message of a problem, with the time after which to retry. */
export function problemText({ message, retryAfter }: Pick<Problem, 'message' | 'retryAfter'>): string {
  if (retryAfter === null) return message
  const seconds = Math.max(1, Math.ceil(retryAfter))
  const minutes = Math.ceil(seconds / 60)
  const time = seconds < 120 ? pluralize(seconds, 'second') : pluralize(minutes, 'minute')
  return `${message.replace(RETRY_SENTENCE, '')} Try again in ${time}.`
}

/** Converts anything that was thrown to a problem. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown
  return new Problem('INTERNAL', thrown instanceof Error ? thrown.message : 'Something went wrong.')
}

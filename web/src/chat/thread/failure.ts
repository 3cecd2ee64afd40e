import type { Chat } from '../chat'

/** Describes why an answer failed, and whether it was charged; null if it did not fail. */
export function describeFailure({ status, error, cost, response }: Chat): string | null {
  if (status !== 'FAILED' && status !== 'INTERRUPTED') return null
  const why = error?.message ?? (status === 'FAILED' ? 'The model failed.' : 'The server stopped in the middle of it.')
  const paid = cost === 0 ? 'Nothing was charged.' : 'What was produced until then is paid for.'
  return response ? `The answer broke off: ${why} ${paid}` : `${why} ${paid}`
}

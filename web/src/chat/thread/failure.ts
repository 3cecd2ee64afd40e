import type { Chat } from '../chat'

/** Describes why an answer failed, and whether it was charged; null if it did not fail. */
export function describeFailure({ status, error, cost, response }: Chat): string | null {
  if (status !== 'FAILED' && status !== 'INTERRUPTED') return null
  const paid = cost === 0 ? 'Nothing was charged.' : 'You were charged for the part you received.'
  if (response) return `The answer was cut off${causeOfCut(error)}. ${paid}`
  const why = error?.message ?? (status === 'FAILED' ? 'The model failed.' : 'The server was restarted.')
  return `${why} ${paid}`
}

/** A model that was answering was available, whatever its error says. */
function causeOfCut(error: Chat['error']): string {
  if (error?.code === 'PROVIDER_UNAVAILABLE') return ': the connection to the model was lost'
  return error ? `: ${error.message.replace(/\.$/, '')}` : ''
}

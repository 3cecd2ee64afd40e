import type { Chat } from '../chat'

/** Describes why a finished answer may not be whole; null if it is. */
export function describeEnding({ status, finishReason, error }: Chat): string | null {
  if (status === 'STOPPED') return error ? `stopped: ${error.message}` : 'stopped'
  if (finishReason === 'LENGTH') return 'the answer reached its length limit'
  if (finishReason === 'CONTENT_FILTER') return 'the provider withheld the rest'
  return null
}

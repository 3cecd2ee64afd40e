import type { Chat } from '../chat'

/**
 * Describes why a finished answer may not be whole; null if it is.
 *
 * @param maxOutput The maximum length of the model's answers, in model tokens, if its price is metered. An answer that
 *   reached a limit before, and cost all that was reserved, reached that of the balance.
 */
export function describeEnding(chat: Chat, maxOutput: number | null): string | null {
  const { status, finishReason, error, usage, cost, hold } = chat
  if (status === 'STOPPED') return error ? `stopped: ${error.message}` : 'stopped'
  if (finishReason === 'LENGTH') {
    const isShort = maxOutput !== null && usage !== null && usage.output < maxOutput && cost === hold
    return isShort ? 'cut short: your tokens were used up' : 'the answer reached its length limit'
  }
  if (finishReason === 'CONTENT_FILTER') return 'the provider withheld the rest'
  return null
}

import { formatTokens } from '../../format/prices'
import type { Chat } from '../chat'

/** Returns whether the model reached its limit within its reasoning. */
export function isWithoutAnswer({ status, finishReason, response }: Chat): boolean {
  return status === 'DONE' && finishReason === 'LENGTH' && response === ''
}

/** Describes why there is no answer, and what that cost, if the model reached its limit within its reasoning. */
export function describeNoAnswer(chat: Chat, maxOutput: number | null): string | null {
  if (!isWithoutAnswer(chat)) return null
  const why = isCutByBalance(chat, maxOutput)
    ? 'Your tokens were used up while the model was thinking, so it gave no answer.'
    : 'The model used its whole output limit for thinking, and gave no answer.'
  return `${why} ${chat.cost === 0 ? 'Nothing was charged.' : `This cost ${formatTokens(chat.cost)}.`}`
}

/**
 * Describes why a finished answer may not be whole; null if it is, and if there is none.
 *
 * @param maxOutput The maximum length of the model's answers, in model tokens, if its price is metered. An answer that
 *   reached a limit before, and cost all that was reserved, reached that of the balance.
 */
export function describeEnding(chat: Chat, maxOutput: number | null): string | null {
  const { status, finishReason, error } = chat
  if (status === 'STOPPED') return error ? `stopped: ${error.message}` : 'stopped'
  if (isWithoutAnswer(chat)) return null
  if (finishReason === 'LENGTH') {
    return isCutByBalance(chat, maxOutput)
      ? 'cut short: your tokens were used up'
      : 'the answer reached its length limit'
  }
  if (finishReason === 'CONTENT_FILTER') return 'the provider withheld the rest'
  return null
}

/** Returns whether an answer that reached a limit reached that of the balance before that of the model. */
function isCutByBalance({ usage, cost, hold }: Chat, maxOutput: number | null): boolean {
  return maxOutput !== null && usage !== null && usage.output < maxOutput && cost === hold
}

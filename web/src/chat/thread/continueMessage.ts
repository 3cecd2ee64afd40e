import type { Chat } from '../chat'
import { messageLength } from '../composer/length'

const AFTER_STOP = 'Continue exactly where you stopped.'

const AFTER_LIMIT = 'Continue exactly where your answer ended.'

const AFTER_CUT = 'Your answer was cut off. Continue it exactly where it ends here:'

/** The maximum length of what is quoted, in Unicode characters. */
const MAX_QUOTE = 2_000

/** Returns whether an answer has a beginning that can be continued. */
export function canContinue({ status, response, finishReason }: Chat): boolean {
  const isWhole = status === 'DONE' && finishReason !== 'LENGTH'
  return response !== '' && status !== 'PENDING' && !isWhole
}

/**
 * Returns the message that has an answer continued. What the user stopped, or a limit ended, is in the context; what was
 * cut off is not, so the message has the question and the end of the answer. Null if these are too long for a message.
 */
export function continueMessage({ status, message, response }: Chat, maxLength: number): string | null {
  if (status === 'STOPPED') return AFTER_STOP
  if (status === 'DONE') return AFTER_LIMIT
  const head = `${message}\n\n${AFTER_CUT}\n\n`
  const room = Math.min(MAX_QUOTE, maxLength - messageLength(head) - 2)
  if (room <= 0) return null
  return head + Array.from(response.trimEnd()).slice(-room).join('').trimStart()
}

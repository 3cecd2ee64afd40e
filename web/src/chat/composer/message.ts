import { formatCount } from '../../format/numbers'
import { formatTokens, type Price } from '../../format/prices'
import { excessLength, messageLength } from './length'

/** What decides whether a message can be sent, or queued. */
export type ComposerState = {
  text: string
  /** The maximum length. */
  maxLength: number
  isSending: boolean
  hasPending: boolean
  /** Whether a message waits for the answer in progress. */
  hasQueued: boolean
  /** Null until the models are loaded. */
  price: Price | null
  balance: number
}

/** What submitting the message does. The reason why it does nothing is null if there is no message. */
export type Submission = { action: 'send' | 'queue' } | { action: 'none'; reason: string | null }

/** Returns what submitting the message does. */
export function submission(state: ComposerState): Submission {
  const { text, maxLength, isSending, hasPending, hasQueued, price, balance } = state
  const refuse = (reason: string | null): Submission => ({ action: 'none', reason })
  const length = messageLength(text)
  if (length === 0) return refuse(null)
  const excess = excessLength(length, maxLength)
  if (excess !== null) return refuse(excess)
  if (hasQueued) return refuse('A message is already waiting for the answer. Cancel it to send another one.')
  if (isSending) return refuse('Your message is being sent.')
  // The server checks the balance when the answer has ended, and its hold is settled.
  if (hasPending) return { action: 'queue' }
  if (price && isUnaffordable(price, balance)) {
    return refuse(`A message costs ${formatTokens(price.perMessage)}, and you have ${formatCount(balance)}.`)
  }
  return { action: 'send' }
}

/** Returns whether the balance is below the price of a message. The server computes the hold of a metered price. */
export function isUnaffordable(price: Price, balance: number): boolean {
  return balance < price.perMessage
}

/** Joins the texts that are not empty, with an empty line between them. */
export function joinTexts(...texts: string[]): string {
  return texts.filter((text) => text.trim() !== '').join('\n\n')
}

import { formatCount } from '../../format/numbers'
import { formatTokens, type Price } from '../../format/prices'

/** The default maximum length of a message on the server. */
export const MAX_MESSAGE = 1000

/** The length from which the composer shows the character count. */
export const COUNT_FROM = 800

/** Returns the length in Unicode characters without surrounding white space, as the server counts. */
export function messageLength(text: string): number {
  return Array.from(text.trim()).length
}

/** Formats a length with its maximum: "5,000 / 1,000 characters". */
export function formatLength(length: number): string {
  return `${formatCount(length)} / ${formatCount(MAX_MESSAGE)} characters`
}

/** What decides whether a message can be sent, or queued. */
export type ComposerState = {
  text: string
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
  const { text, isSending, hasPending, hasQueued, price, balance } = state
  const refuse = (reason: string | null): Submission => ({ action: 'none', reason })
  const length = messageLength(text)
  if (length === 0) return refuse(null)
  if (length > MAX_MESSAGE) return refuse(`${formatLength(length)}: shorten by ${formatCount(length - MAX_MESSAGE)}`)
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

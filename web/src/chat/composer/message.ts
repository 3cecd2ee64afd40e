import { formatCount, pluralize } from '../../format/numbers'
import { formatTokens, type Price } from '../../format/prices'

/** The default maximum length of a message on the server. */
export const MAX_MESSAGE = 1000

/** The length from which the composer shows the character count. */
export const COUNT_FROM = 800

/** Returns the length in Unicode characters without surrounding white space, as the server counts. */
export function messageLength(text: string): number {
  return Array.from(text.trim()).length
}

/** What decides whether a message can be sent. */
export type ComposerState = {
  text: string
  isSending: boolean
  hasPending: boolean
  /** Null until the models are loaded. */
  price: Price | null
  balance: number
}

/** Returns the reason why the message cannot be sent; null if it can. */
export function disabledReason({ text, isSending, hasPending, price, balance }: ComposerState): string | null {
  const length = messageLength(text)
  if (isSending) return 'Your message is being sent.'
  if (length === 0) return 'Write a message first.'
  if (length > MAX_MESSAGE) return `The message is ${pluralize(length - MAX_MESSAGE, 'character')} too long.`
  if (hasPending) return 'An answer is on its way. Wait for it, or stop it.'
  if (price && isUnaffordable(price, balance)) {
    return `A message costs ${formatTokens(price.perMessage)}, and you have ${formatCount(balance)}.`
  }
  return null
}

/** Returns whether the balance is below the price of a message. The server computes the hold of a metered price. */
export function isUnaffordable(price: Price, balance: number): boolean {
  return balance < price.perMessage
}

import { formatCount, pluralize } from '../../format/numbers'
import { formatTokens, type Price } from '../../format/prices'

/** The server takes so many characters unless it is configured otherwise. */
export const MAX_MESSAGE = 1000

/** From here on the composer shows how many are left. */
export const COUNT_FROM = 800

/** In Unicode characters without white space around, as the server counts. */
export function messageLength(text: string): number {
  return Array.from(text.trim()).length
}

export type ComposerState = {
  text: string
  isSending: boolean
  hasPending: boolean
  /** Null while the models are not known. */
  price: Price | null
  balance: number
}

/** Why the message cannot be sent; null where it can. */
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

/** Whether the balance surely cannot pay for a message. What a metered price comes to is the server's to say. */
export function isUnaffordable(price: Price, balance: number): boolean {
  return balance < price.perMessage
}

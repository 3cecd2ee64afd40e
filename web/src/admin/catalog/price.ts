import { formatDate } from '../../format/dates'
import { pluralize } from '../../format/numbers'
import { formatAmount, formatTokens, type Currency, type Price } from '../../format/prices'
import type { PriceInput, PricePreviewQuery } from '../../gql/admin'

/** The value of a number field: a string if it is empty, or too large for a number. */
export type Amount = number | string

/** The values of the fields of a price. An empty one is that of its kind, or 0. */
export type PriceValues = Record<keyof Price, Amount>

/** A price of which nothing is entered. */
export const NO_PRICE: PriceValues = {
  perMessage: '',
  perMillionInput: '',
  perMillionCacheRead: '',
  perMillionCacheWrite: '',
  perMillionOutput: '',
  perMillionReasoning: '',
  perImage: '',
}

/** The largest amounts that the server takes, a message and an image, and a million model tokens. */
export const MAX_PER_MESSAGE = 1_000_000_000
export const MAX_PER_MILLION = 1_000_000_000_000

/** Returns the values of a price. Those of caches and of reasoning are empty if they follow the input or the output. */
export function priceValues(price: Price): PriceValues {
  const { perMessage, perMillionInput, perMillionOutput } = price
  const own = (amount: number, followed: number): Amount => (amount === followed ? '' : amount)
  return {
    perMessage,
    perMillionInput,
    perMillionCacheRead: own(price.perMillionCacheRead, perMillionInput),
    perMillionCacheWrite: own(price.perMillionCacheWrite, perMillionInput),
    perMillionOutput,
    perMillionReasoning: own(price.perMillionReasoning, perMillionOutput),
    perImage: own(price.perImage, 0),
  }
}

/** Returns the price that values stand for: as the server completes it. */
export function priceOf(values: PriceValues): Price {
  const amount = (value: Amount, otherwise: number) => (typeof value === 'number' ? value : otherwise)
  const input = amount(values.perMillionInput, 0)
  const output = amount(values.perMillionOutput, 0)
  return {
    perMessage: amount(values.perMessage, 0),
    perMillionInput: input,
    perMillionCacheRead: amount(values.perMillionCacheRead, input),
    perMillionCacheWrite: amount(values.perMillionCacheWrite, input),
    perMillionOutput: output,
    perMillionReasoning: amount(values.perMillionReasoning, output),
    perImage: amount(values.perImage, 0),
  }
}

/** Converts values to the input of a mutation. */
export function priceInput(values: PriceValues): PriceInput {
  return { ...priceOf(values) }
}

/** Returns the error of the values, if any. A free model must be meant: a 0 is entered for it. */
export function priceError(values: PriceValues): string | null {
  const { perMessage, perImage, ...perMillion } = values
  const entered = Object.values(values).filter((value) => value !== '')
  if (entered.length === 0) return 'Enter a price. A price of 0 is free.'
  if (entered.some((value) => !Number.isSafeInteger(value))) return 'Enter whole numbers.'
  const isWithin = (value: Amount, most: number) => value === '' || (Number(value) >= 0 && Number(value) <= most)
  if (!isWithin(perMessage, MAX_PER_MESSAGE)) return `A price per message is at most ${formatTokens(MAX_PER_MESSAGE)}.`
  if (!isWithin(perImage, MAX_PER_MESSAGE)) return `A price per image is at most ${formatTokens(MAX_PER_MESSAGE)}.`
  if (!Object.values(perMillion).every((value) => isWithin(value, MAX_PER_MILLION))) {
    return `A price per million is at most ${formatTokens(MAX_PER_MILLION)}.`
  }
  return null
}

/** The model tokens of the message that prices are compared by. */
export const EXAMPLE = { input: 1_000, output: 500 }

/** Returns what a message of some model tokens costs, without caches and reasoning, rounded up as the server does. */
export function costOf(price: Price, { input, output }: { input: number; output: number }): number {
  const parts = BigInt(price.perMillionInput) * BigInt(input) + BigInt(price.perMillionOutput) * BigInt(output)
  return price.perMessage + Number((parts + 999_999n) / 1_000_000n)
}

type Preview = Pick<NonNullable<PricePreviewQuery['pricePreview']>, 'chats' | 'since' | 'charged' | 'proposed'>

/** Formats what messages would have cost: "12 messages since 1 Nov 2026 cost 240 tokens. At this price: 120 tokens." */
export function previewLabel(preview: Preview, currency: Currency | null, isOne: boolean): string {
  const { chats, since, charged, proposed } = preview
  if (chats === 0) return isOne ? 'Nothing was charged for this message.' : 'Nothing was charged in the last 30 days.'
  const messages = `${pluralize(chats, 'message')}${since === null ? '' : ` since ${formatDate(since)}`}`
  const [before, after] = [formatAmount(charged, currency), formatAmount(proposed, currency)]
  return `${isOne ? 'This message' : messages} cost ${before}. At this price: ${after}.`
}

import type { Price } from '../../format/prices'

/** The model tokens of input, and of output, that the server assumes for a message to a metered model. */
const ASSUMED = 500

/** Returns the largest balance that pays for fewer messages than these. */
export function lowBalanceBound(price: Price, messages: number): number {
  const { perMessage, perMillionInput, perMillionOutput } = price
  const cost = perMessage + Math.ceil(((perMillionInput + perMillionOutput) * ASSUMED) / 1_000_000)
  return Math.max(0, cost * messages - 1)
}

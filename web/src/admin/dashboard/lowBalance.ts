import type { Price } from '../../format/prices'

/** The model tokens of input, and of output, that the server assumes for a message to a metered model, in thousands. */
const ASSUMED = 0.5

/** Returns the largest balance that pays for fewer messages than these. */
export function lowBalanceBound({ perMessage, per1kInput, per1kOutput }: Price, messages: number): number {
  const price = perMessage + Math.ceil((per1kInput + per1kOutput) * ASSUMED)
  return Math.max(0, price * messages - 1)
}

import type { Price } from './prices'

/** A price without discounts. */
export function fakePrice(perMessage: number, input = 0, output = 0, change: Partial<Price> = {}): Price {
  return {
    perMessage,
    perMillionInput: input,
    perMillionCacheRead: input,
    perMillionCacheWrite: input,
    perMillionOutput: output,
    perMillionReasoning: output,
    perImage: 0,
    ...change,
  }
}

import { formatCount } from './numbers'

/** The price of a model, in prepaid tokens: per message, and per million model tokens. */
export type Price = {
  perMessage: number
  perMillionInput: number
  perMillionCacheRead: number
  perMillionCacheWrite: number
  perMillionOutput: number
  perMillionReasoning: number
}

/**
 * Formats the price of a model: "100 tokens a message", "3,000 in · 15,000 out per 1M", "free". The prices of caches and
 * of thinking are named if they differ: "3,000 in · 15,000 out · 300 cached in per 1M".
 */
export function formatPrice(price: Price): string {
  const flat = price.perMessage > 0 ? `${formatTokens(price.perMessage)} a message` : null
  const metered = formatMeteredPrice(price)
  if (flat && metered) return `${flat} + ${metered}`
  return flat ?? metered ?? 'free'
}

/** Formats the price of a model without those of caches and of thinking, where there is little room. */
export function formatShortPrice(price: Price): string {
  const { perMillionInput: input, perMillionOutput: output } = price
  const whole = { perMillionCacheRead: input, perMillionCacheWrite: input, perMillionReasoning: output }
  // They are all that there is to it if it has no other part.
  return input > 0 || output > 0 ? formatPrice({ ...price, ...whole }) : formatPrice(price)
}

/** Returns whether the cost of a message depends on its length. */
export function isMetered(price: Price | null): boolean {
  return price !== null && formatMeteredPrice(price) !== null
}

function formatMeteredPrice(price: Price): string | null {
  const { perMillionInput: input, perMillionOutput: output } = price
  const parts: [amount: number, name: string, isNamed: boolean][] = [
    [input, 'in', input > 0],
    [output, 'out', output > 0],
    [price.perMillionCacheRead, 'cached in', price.perMillionCacheRead !== input],
    [price.perMillionCacheWrite, 'to cache', price.perMillionCacheWrite !== input],
    [price.perMillionReasoning, 'thinking', price.perMillionReasoning !== output],
  ]
  const named = parts.filter(([, , isNamed]) => isNamed).map(([amount, name]) => `${formatCount(amount)} ${name}`)
  return named.length > 0 ? `${named.join(' · ')} per 1M` : null
}

/** Formats an amount of prepaid tokens: "1 token", "4,000 tokens". */
export function formatTokens(amount: number): string {
  return `${formatCount(amount)} ${Math.abs(amount) === 1 ? 'token' : 'tokens'}`
}

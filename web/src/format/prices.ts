import { formatCount } from './numbers'

/** The price of a model, in prepaid tokens: per message, per million model tokens, and per image. */
export type Price = {
  perMessage: number
  perMillionInput: number
  perMillionCacheRead: number
  perMillionCacheWrite: number
  perMillionOutput: number
  perMillionReasoning: number
  perImage: number
}

/**
 * Formats the price of a model: "100 tokens a message", "3,000 in · 15,000 out per 1M", "free". The prices of caches and
 * of thinking are named if they differ: "3,000 in · 15,000 out · 300 cached in per 1M".
 */
export function formatPrice(price: Price): string {
  const flat = price.perMessage > 0 ? `${formatTokens(price.perMessage)} a message` : null
  const image = price.perImage > 0 ? `${formatTokens(price.perImage)} an image` : null
  const parts = [flat, formatMeteredPrice(price), image].filter((part) => part !== null)
  return parts.length > 0 ? parts.join(' + ') : 'free'
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

/** What prepaid tokens are worth. */
export type Currency = { code: string; tokensPerUnit: number }

/** Formats an amount of prepaid tokens with what it is worth, if the server says so: "4,000 tokens (€4.00)". */
export function formatAmount(amount: number, currency: Currency | null | undefined): string {
  return currency ? `${formatTokens(amount)} (${formatMoney(amount, currency)})` : formatTokens(amount)
}

/** Formats what prepaid tokens are worth: "€4.00", "€0.0031". Small amounts have more digits. */
export function formatMoney(amount: number, { code, tokensPerUnit }: Currency): string {
  const units = amount / tokensPerUnit
  const digits = Math.abs(units) < 1 ? { maximumFractionDigits: 4 } : {}
  return new Intl.NumberFormat('en', { style: 'currency', currency: code, ...digits }).format(units)
}

/** Formats an amount of prepaid tokens: "1 token", "4,000 tokens". */
export function formatTokens(amount: number): string {
  return `${formatCount(amount)} ${Math.abs(amount) === 1 ? 'token' : 'tokens'}`
}

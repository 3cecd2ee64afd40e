import { formatCount } from './numbers'

/** The price of a model, in prepaid tokens: per message, and per 1,000 model tokens. */
export type Price = { perMessage: number; per1kInput: number; per1kOutput: number }

/** Formats the price of a model: "100 tokens a message", "10 in · 30 out per 1K", "free". */
export function formatPrice({ perMessage, per1kInput, per1kOutput }: Price): string {
  const flat = perMessage > 0 ? `${formatTokens(perMessage)} a message` : null
  const metered = formatMeteredPrice(per1kInput, per1kOutput)
  if (flat && metered) return `${flat} + ${metered}`
  return flat ?? metered ?? 'free'
}

function formatMeteredPrice(input: number, output: number): string | null {
  const parts = [
    ...(input > 0 ? [`${formatCount(input)} in`] : []),
    ...(output > 0 ? [`${formatCount(output)} out`] : []),
  ]
  return parts.length > 0 ? `${parts.join(' · ')} per 1K` : null
}

/** Formats an amount of prepaid tokens: "1 token", "4,000 tokens". */
export function formatTokens(amount: number): string {
  return `${formatCount(amount)} ${Math.abs(amount) === 1 ? 'token' : 'tokens'}`
}

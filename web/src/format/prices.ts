import { formatCount } from './numbers'

/** The price of a model, in prepaid tokens: per message, and per 1,000 model tokens. */
export type Price = { perMessage: number; per1kInput: number; per1kOutput: number }

/** Formats the price of a model: "100 tokens a message", "10 + 30 tokens per 1,000 in/out", "free". */
export function formatPrice({ perMessage, per1kInput, per1kOutput }: Price): string {
  const flat = perMessage > 0 ? `${formatTokens(perMessage)} a message` : null
  const metered = formatMeteredPrice(per1kInput, per1kOutput)
  if (flat && metered) return `${flat}, and ${metered}`
  return flat ?? metered ?? 'free'
}

function formatMeteredPrice(input: number, output: number): string | null {
  if (input > 0 && output > 0) return `${formatCount(input)} + ${formatCount(output)} tokens per 1,000 in/out`
  if (input > 0) return `${formatTokens(input)} per 1,000 in`
  if (output > 0) return `${formatTokens(output)} per 1,000 out`
  return null
}

/** Formats an amount of prepaid tokens: "1 token", "4,000 tokens". */
export function formatTokens(amount: number): string {
  return `${formatCount(amount)} ${Math.abs(amount) === 1 ? 'token' : 'tokens'}`
}

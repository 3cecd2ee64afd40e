const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const withSign = new Intl.NumberFormat('en', { maximumFractionDigits: 0, signDisplay: 'exceptZero' })

/** Formats a count: "4,000". */
export function formatCount(amount: number): string {
  return whole.format(amount)
}

/** Formats a change: "+4,000", "−100", "0". */
export function formatSigned(amount: number): string {
  return withSign.format(amount).replace('-', '−')
}

/** Formats a count with its noun: "1 chat", "2 chats". */
export function pluralize(amount: number, one: string, many = `${one}s`): string {
  return `${formatCount(amount)} ${amount === 1 ? one : many}`
}

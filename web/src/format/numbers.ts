const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const withSign = new Intl.NumberFormat('en', { maximumFractionDigits: 0, signDisplay: 'exceptZero' })

/** "4,000". */
export function count(amount: number): string {
  return whole.format(amount)
}

/** "+4,000", "−100", "0". */
export function signed(amount: number): string {
  return withSign.format(amount).replace('-', '−')
}

/** "1 chat", "2 chats". */
export function plural(amount: number, one: string, many = `${one}s`): string {
  return `${count(amount)} ${amount === 1 ? one : many}`
}

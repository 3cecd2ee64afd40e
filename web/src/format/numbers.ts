const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const withSign = new Intl.NumberFormat('en', { maximumFractionDigits: 0, signDisplay: 'exceptZero' })

/** Formats a count: "4,000". */
export function formatCount(amount: number): string {
  return whole.format(amount)
}

/** Formats a decimal number of any size, exactly: "1,234.5". */
export function formatDecimal(decimal: string): string {
  const [integer = '', fraction] = decimal.split('.')
  return whole.format(BigInt(integer)) + (fraction === undefined ? '' : `.${fraction}`)
}

/** Rounds up a decimal number that is not negative: "3.0006" is "4". */
export function roundUp(decimal: string): string {
  const [integer = '', fraction = ''] = decimal.split('.')
  return /[1-9]/.test(fraction) ? String(BigInt(integer) + 1n) : integer
}

/** Formats a change: "+4,000", "−100", "0". */
export function formatSigned(amount: number): string {
  return withSign.format(amount).replace('-', '−')
}

/** Formats a count with its noun: "1 chat", "2 chats". */
export function pluralize(amount: number, one: string, many = `${one}s`): string {
  return `${formatCount(amount)} ${amount === 1 ? one : many}`
}

type ListCount = {
  shown: number
  /** The total count; null if it is unknown. */
  total: number | null
  hasMore: boolean
  /** Whether there may be more than the total count. */
  isCapped: boolean
  noun: string
  plural?: string
}

/** Describes how much of a list is shown: "50 of 2,000 users", "50 of 1,000+ messages, newest first: narrow the period". */
export function countLabel({ shown, total, hasMore, isCapped, noun, plural = `${noun}s` }: ListCount): string {
  if (total !== null && isCapped) {
    return `${formatCount(shown)} of ${formatCount(total)}+ ${plural}, newest first. Narrow the period to see others.`
  }
  if (total !== null && total > shown) return `${formatCount(shown)} of ${pluralize(total, noun, plural)}`
  return `${pluralize(shown, noun, plural)}${total === null && hasMore ? ' so far' : ''}`
}

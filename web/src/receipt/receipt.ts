import { formatDecimal, formatCount, roundUp } from '../format/numbers'
import { formatMoney, formatTokens, type Currency } from '../format/prices'
import type { ReceiptQuery } from '../gql/receipt'

type Node = NonNullable<ReceiptQuery['node']>

/** A chat with its receipt. */
export type ChargedChat = Extract<Node, { receipt: unknown }>

export type Receipt = NonNullable<ChargedChat['receipt']>

export type ReceiptLine = Receipt['lines'][number]

export const PARTS: Record<ReceiptLine['part'], string> = {
  MESSAGE: 'Message',
  INPUT: 'Input',
  CACHE_READ: 'Input from cache',
  CACHE_WRITE: 'Input to cache',
  OUTPUT: 'Output',
  REASONING: 'Thinking',
  IMAGE: 'Images',
}

/** Formats the price of a line: "100 each", "3,000 per 1M". The unit stays on one line. */
export function formatLinePrice({ price, per }: Pick<ReceiptLine, 'price' | 'per'>): string {
  return `${formatCount(price)} ${per === 1 ? 'each' : `per\u00a0${per === 1_000_000 ? '1M' : formatCount(per)}`}`
}

/** Returns how the cost follows from the exact total, as rows of terms and values: rounded up once, at most the hold. */
export function costRows(
  { total, cost, hold, lines }: Receipt,
  currency: Currency | null,
): [term: string, value: string][] {
  const rounded = roundUp(total)
  const rows: [string, string][] = []
  if (lines.length > 1 || rounded !== total) rows.push(['Total', formatDecimal(total)])
  if (rounded !== total) rows.push(['Rounded up', formatDecimal(rounded)])
  if (BigInt(cost) < BigInt(rounded)) rows.push([`Limited to the ${formatTokens(hold)} reserved`, formatCount(hold)])
  rows.push(['Charged', formatCount(cost)])
  if (currency) rows.push([`In ${currency.code}`, formatMoney(cost, currency)])
  return rows
}

/** Explains why a chat has no receipt, or an empty one; null if it has lines. */
export function explainNoLines({ status, cost, receipt }: ChargedChat): string | null {
  if (receipt) return receipt.lines.length > 0 ? null : 'Nothing was charged at this price.'
  if (status === 'PENDING') return 'The receipt is made when the answer is complete.'
  return cost === 0
    ? 'Nothing was charged, so there is no receipt.'
    : 'There is no receipt: this message is older than the receipts of this server.'
}

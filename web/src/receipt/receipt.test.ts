import { describe, expect, it } from 'vitest'
import { costRows, explainNoLines, formatLinePrice, type ChargedChat, type Receipt, type ReceiptLine } from './receipt'

const line = (part: ReceiptLine['part'], quantity: number, price: number, amount: string): ReceiptLine => ({
  part,
  quantity,
  price,
  per: part === 'MESSAGE' ? 1 : 1_000_000,
  amount,
})

const receipt: Receipt = {
  total: '3.0006',
  hold: 31,
  cost: 4,
  price: { model: 'echo', version: 2, since: '2026-01-01T10:00:00Z' },
  lines: [line('INPUT', 2, 300, '0.0006'), line('OUTPUT', 100, 30_000, '3')],
}

const chat: ChargedChat = {
  id: 'a',
  model: 'echo',
  status: 'DONE',
  cost: 4,
  hold: 31,
  payer: null,
  usage: null,
  receipt,
}

it('formats prices of messages and of model tokens', () => {
  expect(formatLinePrice({ price: 100, per: 1 })).toBe('100 each')
  expect(formatLinePrice({ price: 3_000, per: 1_000_000 })).toBe('3,000 per\u00a01M')
  expect(formatLinePrice({ price: 3_000, per: 1_000 })).toBe('3,000 per\u00a01,000')
})

describe('costRows', () => {
  it('has the exact total, and what it is rounded up to', () => {
    expect(costRows(receipt, null)).toEqual([
      ['Total', '3.0006'],
      ['Rounded up', '4'],
      ['Charged', '4'],
    ])
  })

  it('has what was charged in money', () => {
    expect(costRows(receipt, { code: 'EUR', tokensPerUnit: 100 }).at(-1)).toEqual(['In EUR', '€0.04'])
  })

  it('omits what is the same', () => {
    const message = { ...receipt, total: '100', cost: 100, hold: 100, lines: [line('MESSAGE', 1, 100, '100')] }
    expect(costRows(message, null)).toEqual([['Charged', '100']])
    expect(costRows({ ...receipt, total: '0', cost: 0, lines: [] }, null)).toEqual([['Charged', '0']])
  })

  it('names the limit of what was reserved', () => {
    expect(costRows({ ...receipt, total: '1234.5', cost: 31 }, null)).toEqual([
      ['Total', '1,234.5'],
      ['Rounded up', '1,235'],
      ['Limited to the 31 tokens reserved', '31'],
      ['Charged', '31'],
    ])
  })
})

it('explains why there are no lines', () => {
  expect(explainNoLines(chat)).toBeNull()
  expect(explainNoLines({ ...chat, receipt: { ...receipt, lines: [] } })).toBe('Nothing was charged at this price.')
  expect(explainNoLines({ ...chat, receipt: null, cost: 0 })).toMatch(/^Nothing was charged/)
  expect(explainNoLines({ ...chat, receipt: null })).toMatch(/older than the receipts/)
  expect(explainNoLines({ ...chat, receipt: null, status: 'PENDING' })).toMatch(/when the answer is complete/)
})

import { expect, it } from 'vitest'
import { Problem } from '../graphql/problem'
import { adjustmentOf } from './adjustment'
import { detailsInWords } from './auditWords'
import { bulkInWords, forEach } from './bulk'
import { byDay, modelsOf, type DayOfModel } from './dashboard/data'
import { ledgerCsv } from './ledgerCsv'

it('an adjustment is by an amount, or to one', () => {
  expect(adjustmentOf({ mode: 'by', amount: -50 }, 100)).toBe(-50)
  expect(adjustmentOf({ mode: 'to', amount: 250 }, 100)).toBe(150)
  for (const amount of ['', 1.5, 2 ** 53]) expect(adjustmentOf({ mode: 'by', amount }, 100)).toBeNull()
  expect(adjustmentOf({ mode: 'to', amount: 100 }, 100)).toBeNull()
})

it('one user who fails does not keep the others from it', async () => {
  const users = [{ username: 'mia' }, { username: 'tom' }, { username: 'eva' }]
  const result = await forEach(users, ({ username }) =>
    username === 'tom' ? Promise.reject(new Problem('FORBIDDEN', 'Not allowed.')) : Promise.resolve(),
  )
  expect(bulkInWords(result)).toBe('2 done. tom: Not allowed.')
})

it('details of the audit trail are read as far as they can be', () => {
  expect(detailsInWords('{"amount":500,"reason":"Thanks"}')).toBe('amount: 500, reason: Thanks')
  expect(detailsInWords('nonsense')).toBe('nonsense')
})

it('the ledger as CSV', () => {
  const entry = {
    id: 'l1',
    createdAt: '2026-01-01T00:00:00Z',
    reason: 'ADJUSTMENT',
    amount: -5,
    balanceAfter: 95,
    note: 'a, b',
    user: { id: 'u1', username: 'mia' },
    actor: null,
    chat: null,
  } as const
  expect(ledgerCsv([entry]).split('\r\n')[1]).toBe('2026-01-01T00:00:00Z,mia,ADJUSTMENT,-5,95,"a, b",,l1,u1,')
})

it('days have a number for each model', () => {
  const day = (day: string, model: string, messages: number): DayOfModel => ({
    day,
    model,
    messages,
    tokens: 0,
    activeUsers: 0,
    failures: 0,
  })
  const days = [day('2026-01-02', 'b', 2), day('2026-01-01', 'a', 1), day('2026-01-02', 'a', 3)]
  expect(modelsOf(days)).toEqual(['a', 'b'])
  expect(byDay(days, 'messages')).toEqual([
    { day: '2026-01-01', a: 1, b: 0 },
    { day: '2026-01-02', a: 3, b: 2 },
  ])
})

import { expect, it } from 'vitest'
import { fakePrice } from '../../format/fakes'
import {
  ALL_MODELS,
  byDay,
  cacheShare,
  chartSummary,
  CLASS_COLUMNS,
  classCells,
  dayRows,
  modelsOf,
  type DailyUsage,
} from './data'
import { figuresOf, rateLabel, type Totals } from './figures'
import { lowBalanceBound } from './lowBalance'
import { changeLabel, daysOf, namedPeriod, ownPeriod, periodLabel, previousLabel, timesOf } from './period'

it('groups usage by day, with a value for each model', () => {
  const day = (day: string, model: string | null, messages: number): DailyUsage => ({
    day,
    model,
    messages,
    tokens: 0,
    activeUsers: 0,
    failures: 0,
  })
  const days = [
    day('2026-01-03', 'b', 2),
    day('2026-01-01', 'a', 1),
    day('2026-01-03', null, 5),
    day('2025-12-31', 'a', 9),
  ]
  expect(modelsOf(days)).toEqual(['a', 'b'])
  const period = { first: '2026-01-01', last: '2026-01-03' }
  expect(byDay(days, 'messages', period)).toEqual([
    { day: '2026-01-01', a: 1, b: 0, [ALL_MODELS]: 0 },
    { day: '2026-01-02', a: 0, b: 0, [ALL_MODELS]: 0 },
    { day: '2026-01-03', a: 0, b: 2, [ALL_MODELS]: 5 },
  ])
  const rows = dayRows(days, period)
  expect(rows.map(({ id, messages }) => [id, messages])).toEqual([
    ['2026-01-03', 5],
    ['2026-01-02', 0],
    ['2026-01-01', 0],
  ])
  expect(chartSummary(rows, 'messages')).toEqual({ sum: 5, most: rows[0] })
  expect(chartSummary(rows, 'tokens').most).toBeNull()
})

it('names periods of whole days in UTC', () => {
  const named = (name: Parameters<typeof namedPeriod>[0]) => namedPeriod(name, '2026-03-05')
  expect(named('today')).toEqual({ first: '2026-03-05', last: '2026-03-05' })
  expect(named('7')).toEqual({ first: '2026-02-27', last: '2026-03-05' })
  expect(daysOf(named('30'))).toBe(30)
  expect(daysOf(named('90'))).toBe(90)
  expect(named('month')).toEqual({ first: '2026-03-01', last: '2026-03-05' })
  expect(named('last-month')).toEqual({ first: '2026-02-01', last: '2026-02-28' })
  expect(namedPeriod('last-month', '2026-01-31')).toEqual({ first: '2025-12-01', last: '2025-12-31' })
  expect(timesOf(named('last-month'))).toEqual({ since: '2026-02-01T00:00:00Z', until: '2026-03-01T00:00:00Z' })
  expect(previousLabel(named('7'))).toBe('the 7 days before')
  expect(previousLabel(named('today'))).toBe('the day before')
  expect(periodLabel('30', named('30'))).toBe('Last 30 days')
  expect(periodLabel('own', named('7'))).toBe('2026-02-27 to 2026-03-05')
})

it('takes own days that are in order, and not too many', () => {
  expect(ownPeriod('2026-01-01', '2026-01-31')).toEqual({ first: '2026-01-01', last: '2026-01-31' })
  expect(ownPeriod('2026-01-31', '2026-01-01')).toBeNull()
  expect(ownPeriod('2026-01-01', null)).toBeNull()
  expect(ownPeriod('2025-01-01', '2026-01-01')).not.toBeNull()
  expect(ownPeriod('2025-01-01', '2026-01-02')).toBeNull()
})

it('compares with the period before', () => {
  expect(changeLabel(112, 100)).toBe('+12 %')
  expect(changeLabel(50, 100)).toBe('−50 %')
  expect(changeLabel(2_500, 100)).toBe('+2,400 %')
  expect(changeLabel(0, 0)).toBe('no change')
  expect(changeLabel(5, 0)).toBe('new')
  expect(changeLabel(1001, 1000)).toBe('about the same')
})

it('shows what was granted, the error rate and times, each beside the period before', () => {
  const totals: Totals = {
    messages: 200,
    spent: 5_000,
    activeUsers: 3,
    failures: 5,
    signUps: 2,
    signupGrants: 8_000,
    credits: 500,
    debits: 0,
    answerTime: { medianMs: 1_250, p95Ms: 4_000 },
    firstChunkTime: null,
  }
  const figures = figuresOf(totals, { ...totals, credits: 0, signupGrants: 4_250, answerTime: null })
  const figure = (label: string) => figures.find((one) => one.label === label)
  expect(figure('Tokens granted')).toEqual({
    label: 'Tokens granted',
    value: '8,500',
    details: '500 by operators, 8,000 to new accounts',
    change: '+100 %',
    before: '4,250',
  })
  expect(figure('Error rate')).toMatchObject({ value: '2.5 %', details: '5 of 200 messages failed' })
  expect(figure('Time to whole answer')).toEqual({
    label: 'Time to whole answer',
    value: '1.3 s',
    details: 'Median; 95 % within 4.0 s',
  })
  expect(figure('Time to first word')?.value).toBe('–')
  expect(figure('Tokens taken back')).toBeUndefined()
  expect(rateLabel({ failures: 1, messages: 100_000 })).toBe('< 0.1 %')
})

it('knows the balance below which a user is about to run dry', () => {
  expect(lowBalanceBound(fakePrice(100), 10)).toBe(999)
  expect(lowBalanceBound(fakePrice(0, 10_000, 30_000), 10)).toBe(199)
  expect(lowBalanceBound(fakePrice(0), 10)).toBe(0)
})

it('has usage by class, where it is known', () => {
  const usage = { input: 400, cacheRead: 300, cacheWrite: 50, output: 20, reasoning: 5, images: 1 }
  expect(classCells(usage)).toEqual([400, 300, 50, 20, 5, 1])
  expect(classCells(null)).toHaveLength(CLASS_COLUMNS.length)
  expect([usage, { ...usage, input: 0 }, null, undefined].map(cacheShare)).toEqual(['75 %', '–', '–', '–'])
})

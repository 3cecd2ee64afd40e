import { describe, expect, it } from 'vitest'
import { groupByDay } from './dayGroups'
import { endOfDay, formatMonthDay, formatRelativeTime, parseDay, parseTypedDay, today } from './dates'
import { deviceLabel } from './devices'
import { fileName } from './download'
import { formatDuration } from './durations'
import { excerpt } from './excerpt'
import { fakePrice } from './fakes'
import { highlightParts } from './highlight'
import { summarizeNames } from './names'
import { countLabel, formatDecimal, formatSigned, pluralize, roundUp } from './numbers'
import { formatAmount, formatPrice, formatShortPrice, formatTokens, isMetered } from './prices'

describe('formatPrice', () => {
  it.each([
    [fakePrice(100), '100 tokens a message'],
    [fakePrice(1), '1 token a message'],
    [fakePrice(0, 10_000, 30_000), '10,000 in · 30,000 out per 1M'],
    [fakePrice(0, 10, 0), '10 in per 1M'],
    [fakePrice(0, 0, 1), '1 out per 1M'],
    [fakePrice(5, 10, 30), '5 tokens a message + 10 in · 30 out per 1M'],
    [fakePrice(0), 'free'],
    [fakePrice(0, 3_000, 15_000, { perMillionCacheRead: 300 }), '3,000 in · 15,000 out · 300 cached in per 1M'],
    [fakePrice(0, 3_000, 15_000, { perMillionCacheWrite: 3_750 }), '3,000 in · 15,000 out · 3,750 to cache per 1M'],
    [fakePrice(0, 3_000, 15_000, { perMillionReasoning: 0 }), '3,000 in · 15,000 out · 0 thinking per 1M'],
    [fakePrice(0, 0, 0, { perMillionReasoning: 7 }), '7 thinking per 1M'],
    [fakePrice(5, 10, 10, { perImage: 7 }), '5 tokens a message + 10 in · 10 out per 1M + 7 tokens an image'],
    [fakePrice(0, 0, 0, { perImage: 1 }), '1 token an image'],
  ])('%o is %s', (price, expected) => {
    expect(formatPrice(price)).toBe(expected)
    expect(isMetered(price)).toBe(expected.includes('per 1M'))
  })
})

it('omits the prices of caches and of thinking where there is little room', () => {
  const discounts = { perMillionCacheRead: 300, perMillionReasoning: 7 }
  expect(formatShortPrice(fakePrice(0, 3_000, 15_000, discounts))).toBe('3,000 in · 15,000 out per 1M')
  expect(formatShortPrice(fakePrice(0, 0, 0, { perMillionReasoning: 7 }))).toBe('7 thinking per 1M')
})

it('formats exact decimal numbers, and rounds them up', () => {
  expect(['0', '0.000001', '485.5', '12345678901234567890.25'].map(formatDecimal)).toEqual([
    '0',
    '0.000001',
    '485.5',
    '12,345,678,901,234,567,890.25',
  ])
  expect(['0', '2', '0.000001', '485.5', '9007199254740991.1'].map(roundUp)).toEqual([
    '0',
    '2',
    '1',
    '486',
    '9007199254740992',
  ])
})

it('formats amounts in money', () => {
  const euros = { code: 'EUR', tokensPerUnit: 1000 }
  expect([4000, 1, 0, -2500, 999].map((amount) => formatAmount(amount, euros))).toEqual([
    '4,000 tokens (€4.00)',
    '1 token (€0.001)',
    '0 tokens (€0.00)',
    '-2,500 tokens (-€2.50)',
    '999 tokens (€0.999)',
  ])
  expect(formatAmount(4000, null)).toBe('4,000 tokens')
  expect(formatAmount(5, { code: 'JPY', tokensPerUnit: 1 })).toBe('5 tokens (¥5)')
})

it('groups, signs and pluralizes numbers', () => {
  expect(formatTokens(4000)).toBe('4,000 tokens')
  expect([formatSigned(4000), formatSigned(-100), formatSigned(0)]).toEqual(['+4,000', '−100', '0'])
  expect([pluralize(1, 'chat'), pluralize(0, 'entry', 'entries')]).toEqual(['1 chat', '0 entries'])
})

describe('excerpt', () => {
  it('is the whole of a short text, on one line', () => {
    expect(excerpt(' one\n two ', 'two', 20)).toBe('one two')
  })

  it('contains the match', () => {
    const text = `${'before '.repeat(20)}needle ${'after '.repeat(20)}`
    const shown = excerpt(text, 'Needle x', 40)
    expect(shown).toContain('needle')
    expect(shown).toMatch(/^….+…$/)
    expect(shown.length).toBeLessThanOrEqual(42)
  })
})

it('formats month and day', () => {
  expect(formatMonthDay('2026-01-31')).toMatch(/31/)
})

it('parses valid days only', () => {
  expect(parseDay(' 2026-01-31 ')).toBe('2026-01-31')
  for (const text of [null, '', '2026-1-31', '2026-02-31', '2026-13-01', 'soon']) expect(parseDay(text)).toBeNull()
})

it('parses days as they are typed', () => {
  for (const text of ['2026-01-31', '31.01.2026', ' 31.1.2026 ']) expect(parseTypedDay(text)).toBe('2026-01-31')
  for (const text of [null, '', '31.2.2026', '31.1.26', '1/31/2026', '31.1.2']) expect(parseTypedDay(text)).toBeNull()
})

it('ends a day with its last second, in the local time zone', () => {
  expect(endOfDay('2026-12-31')).toBe(new Date(2026, 11, 31, 23, 59, 59).toISOString())
  expect(endOfDay('soon')).toBeNull()
  expect(today(new Date(2026, 0, 5, 23, 59))).toBe('2026-01-05')
})

it('formats relative times', () => {
  const now = Date.UTC(2026, 0, 10)
  const before = (seconds: number) => formatRelativeTime(new Date(now - seconds * 1000).toISOString(), now)
  expect([before(5), before(300), before(86_400)]).toEqual(['just now', '5 min. ago', 'yesterday'])
})

it.each([
  [-5, '0.0 s'],
  [449, '0.4 s'],
  [9_960, '10 s'],
  [59_400, '59 s'],
  [125_000, '2 min 5 s'],
])('formats %d ms as %s', (milliseconds, expected) => {
  expect(formatDuration(milliseconds)).toBe(expected)
})

it('labels user agents', () => {
  const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
  const safari = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1'
  expect(deviceLabel(firefox)).toBe('Firefox on Linux')
  expect(deviceLabel(safari)).toBe('Safari on iOS')
  expect(deviceLabel('curl/8.5.0')).toBe('curl')
  expect(deviceLabel(null)).toBe('Unknown device')
})

it('names files by day', () => {
  expect(fileName('ledger', 'csv', new Date(Date.UTC(2026, 0, 31)))).toBe('jeton-ledger-2026-01-31.csv')
})

it('lists names, and counts those that are too many', () => {
  expect(summarizeNames(['anna', 'ben'])).toBe('anna, ben')
  expect(summarizeNames(['anna', 'ben'], 4)).toBe('anna, ben and 2 more')
})

describe('countLabel', () => {
  const count = { shown: 50, total: 2000, hasMore: true, isCapped: false, noun: 'message' }

  it('is the number of rows, and of all', () => {
    expect(countLabel(count)).toBe('50 of 2,000 messages')
    expect(countLabel({ ...count, shown: 1, total: 1, hasMore: false })).toBe('1 message')
    expect(countLabel({ ...count, total: null })).toBe('50 messages so far')
  })

  it('does not pretend that a capped count is the whole', () => {
    expect(countLabel({ ...count, total: 1000, isCapped: true })).toBe(
      '50 of 1,000+ messages, newest first. Narrow the period to see others.',
    )
  })
})

it('groups by the date in the local time zone', () => {
  const now = new Date(2026, 10, 29, 9)
  const at = (...date: [number, number, number, number?]) => new Date(...date).toISOString()
  const rows = [
    at(2026, 10, 29, 0),
    at(2026, 10, 28, 23),
    at(2026, 10, 28, 1),
    at(2026, 10, 23),
    at(2026, 10, 22),
    at(2026, 9, 30),
    at(2026, 8, 2),
  ]
  const groups = groupByDay(rows, (row) => row, now.getTime())
  expect(groups.map(({ label, rows }) => [label, rows.length])).toEqual([
    ['Today', 1],
    ['Yesterday', 2],
    ['Previous 7 days', 1],
    ['Previous 30 days', 1],
    ['October 2026', 1],
    ['September 2026', 1],
  ])
})

describe('highlightParts', () => {
  const marked = (text: string, search: string) =>
    highlightParts(text, search)
      .map(({ text, isHit }) => (isHit ? `[${text}]` : text))
      .join('')

  it('marks the words of a search, at the start of words', () => {
    expect(marked('A refund, refunds and unrefunded', 'refund')).toBe('A [refund], [refund]s and unrefunded')
    expect(marked('Tell me about rain', 'rain tell')).toBe('[Tell] me about [rain]')
  })

  it('ignores case and accents, and keeps the text', () => {
    expect(marked('Über CAFÉ, cafe\u0301 and straße', 'uber cafe')).toBe('[Über] [CAFÉ], [cafe\u0301] and straße')
    expect(marked('nothing', '')).toBe('nothing')
    expect(marked('東京の天気', '天気')).toBe('東京の[天気]')
  })
})

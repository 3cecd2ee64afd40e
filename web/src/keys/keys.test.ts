import { expect, it } from 'vitest'
import { activeFirst, keyState, redactSecret, scopesLabel, spendingLines, usageExample, type Key } from './keyLabels'
import { EMPTY_KEY, toCreateInput, validateLimit } from './newKey'

const NOTHING: Key['spending'] = {
  total: 0,
  held: 0,
  today: 0,
  thisMonth: 0,
  totalLimit: null,
  dailyLimit: null,
  monthlyLimit: null,
}

it('shows the total of a key without limits', () => {
  expect(spendingLines({ ...NOTHING, total: 1200, today: 100, thisMonth: 300 })).toEqual(['1,200 in total'])
})

it('shows each limit next to the spending that counts against it', () => {
  const spent = { total: 1200, today: 100, thisMonth: 300, held: 50 }
  expect(spendingLines({ ...spent, totalLimit: 5000, dailyLimit: 500, monthlyLimit: 900 })).toEqual([
    '1,200 of 5,000 in total',
    '300 of 900 this month',
    '100 of 500 today',
    '50 reserved',
  ])
})

it('shows the group that pays', () => {
  expect(spendingLines({ ...NOTHING, total: 100 }, { name: 'Team' })).toEqual(['100 in total', 'paid by Team'])
})

it('labels scopes', () => {
  expect(scopesLabel(['COMPLETIONS', 'READ'])).toBe('Use models, read')
})

it('is active until it is revoked or expired', () => {
  expect(keyState({ active: true, revokedAt: null })).toBe('active')
  expect(keyState({ active: false, revokedAt: '2026-01-31T12:00:00Z' })).toBe('revoked')
  expect(keyState({ active: false, revokedAt: null })).toBe('expired')
})

it('sorts expired and revoked keys last, in their order', () => {
  const keys = [false, true, false, true].map((active, id) => ({ active, id }))
  expect(activeFirst(keys).map(({ id }) => id)).toEqual([1, 3, 0, 2])
})

it('redacts the secret of a pasted key', () => {
  const prefix = 'jt-0123456789ab'
  expect(redactSecret(`  ${prefix}-${'f'.repeat(64)}`)).toBe(prefix)
  expect(redactSecret('jt-01')).toBe('jt-01')
  expect(redactSecret('a name that is longer than a beginning')).toBe('a name that is longer than a beginning')
})

it('generates an example with the URL of this server and the key', () => {
  expect(usageExample('https://jeton.example', 'jt-secret').split('\n')).toEqual([
    'from openai import OpenAI',
    'client = OpenAI(base_url="https://jeton.example/v1", api_key="jt-secret")',
  ])
})

it('creates a key without limits from empty fields', () => {
  expect(toCreateInput({ ...EMPTY_KEY, name: ' tool ' })).toEqual({
    name: 'tool',
    scopes: ['COMPLETIONS'],
    models: null,
    expiresAt: null,
    payerGroupId: null,
    spendingLimit: { total: null, perDay: null, perMonth: null },
  })
})

it('expires at the end of the last day', () => {
  const input = toCreateInput({ ...EMPTY_KEY, models: ['a'], expiresAt: '2026-01-31', total: 500, perDay: 0 })
  expect(input).toMatchObject({
    models: ['a'],
    expiresAt: new Date(2026, 0, 31, 23, 59, 59).toISOString(),
    spendingLimit: { total: 500, perDay: 0, perMonth: null },
  })
})

it('accepts whole numbers as limits', () => {
  expect(['', 0, 500].map(validateLimit)).toEqual([null, null, null])
  for (const limit of [1.5, 2 ** 53, '99999999999999999999']) expect(validateLimit(limit)).not.toBeNull()
})

import { expect, it } from 'vitest'
import { describeEstimate } from './estimate'

it.each([
  [{ expected: 2, hold: 31, available: 400, affordable: true }, 'about 2, at most 31 tokens'],
  [{ expected: 1_200, hold: 1_200, available: 4_000, affordable: true }, '1,200 tokens'],
  [{ expected: 1, hold: 1, available: 1, affordable: true }, '1 token'],
  [{ expected: 2, hold: 31, available: 3, affordable: false }, 'This needs 31 tokens; you have 3.'],
])('describes %o', (estimate, expected) => {
  expect(describeEstimate(estimate, false)).toBe(expected)
})

it('says that a metered answer may be cut short by the balance', () => {
  const estimate = { expected: 25, hold: 100, available: 100, affordable: true }
  const cut = 'about 25, at most 100 tokens: all you have, so the answer may be cut short'
  expect(describeEstimate(estimate, true)).toBe(cut)
  expect(describeEstimate({ ...estimate, available: 101 }, true)).toBe('about 25, at most 100 tokens')
})

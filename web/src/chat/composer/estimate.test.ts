import { expect, it } from 'vitest'
import { describeEstimate } from './estimate'

it.each([
  [{ expected: 2, hold: 31, available: 400, affordable: true }, 'about 2, at most 31 tokens'],
  [{ expected: 1_200, hold: 1_200, available: 4_000, affordable: true }, '1,200 tokens'],
  [{ expected: 1, hold: 1, available: 1, affordable: true }, '1 token'],
  [{ expected: 2, hold: 31, available: 3, affordable: false }, 'This needs 31 tokens; you have 3.'],
])('describes %o', (estimate, expected) => {
  expect(describeEstimate(estimate)).toBe(expected)
})

import { expect, it } from 'vitest'
import { formatSpent } from './formatSpent'

it('sums up the cost of a conversation, as far as it is loaded', () => {
  expect(formatSpent([{ cost: 1_200 }, { cost: 40 }], false)).toBe('1,240 tokens in this chat')
  expect(formatSpent([{ cost: 1 }], false)).toBe('1 token in this chat')
  expect(formatSpent([{ cost: 100 }], true)).toBe('More than 100 tokens in this chat')
  expect(formatSpent([], false)).toBe('0 tokens in this chat')
})

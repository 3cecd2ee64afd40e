import { expect, it } from 'vitest'
import { excessLength, formatLength, isNearLimit, messageLength, textLength } from './length'

it('counts characters as the server does', () => {
  expect(textLength(' 🎉 é')).toBe(4)
  expect(messageLength('  🎉 é  ')).toBe(3)
})

it('tells the length, and by how much to shorten', () => {
  expect(formatLength(5_000, 1_000)).toBe('5,000 / 1,000 characters')
  expect(excessLength(5_000, 1_000)).toBe('5,000 / 1,000 characters: shorten by 4,000')
  expect(excessLength(1_000, 1_000)).toBeNull()
  expect(excessLength(1_000_000, Infinity)).toBeNull()
})

it('shows the count near the limit, and not before that is known', () => {
  expect(isNearLimit(799, 1_000)).toBe(false)
  expect(isNearLimit(800, 1_000)).toBe(true)
  expect(isNearLimit(1_000_000, Infinity)).toBe(false)
})

import { expect, it } from 'vitest'
import { formatInput, formatOutput, type Usage } from './usage'

const usage: Usage = { input: 1300, cacheRead: 0, cacheWrite: 0, output: 45, reasoning: 0, estimated: false }

it('names the parts of a usage that there are', () => {
  expect(formatInput(usage)).toBe('1,300 model tokens')
  expect(formatInput({ ...usage, cacheRead: 1000 })).toBe('1,300 model tokens (1,000 from cache)')
  expect(formatInput({ ...usage, cacheRead: 1000, cacheWrite: 200 })).toBe(
    '1,300 model tokens (1,000 from cache, 200 to cache)',
  )
  expect(formatOutput(usage)).toBe('45 model tokens')
  expect(formatOutput({ ...usage, reasoning: 20 })).toBe('45 model tokens (20 for thinking)')
})

it('marks an estimate', () => {
  expect(formatInput({ ...usage, input: 1, estimated: true })).toBe('about 1 model token')
  expect(formatOutput({ ...usage, reasoning: 20, estimated: true })).toBe('about 45 model tokens (20 for thinking)')
})

import { expect, it } from 'vitest'
import { runningTime, thoughtsLabel } from './thoughtsLabel'

it.each([
  [null, 'Thoughts'],
  [0, 'Thought for a moment'],
  [999, 'Thought for a moment'],
  [1_000, 'Thought for 1 s'],
  [12_400, 'Thought for 12 s'],
  [59_700, 'Thought for 1 min 0 s'],
  [125_000, 'Thought for 2 min 5 s'],
])('describes %s ms as %s', (milliseconds, expected) => {
  expect(thoughtsLabel(milliseconds)).toBe(expected)
})

it('counts whole seconds while the model reasons', () => {
  expect(runningTime(1_000, 1_999)).toBeNull()
  expect(runningTime(1_000, 2_000)).toBe('1 s')
  expect(runningTime(1_000, 900)).toBeNull()
  expect(runningTime(0, 61_999)).toBe('1 min 1 s')
})

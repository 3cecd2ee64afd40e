import { expect, it } from 'vitest'
import { fakeChat } from '../fakes'
import { describeEnding } from './ending'

it('says why an answer may not be whole', () => {
  const error = { code: 'TIMEOUT', message: 'The model took too long.' } as const
  for (const [change, expected] of [
    [{ finishReason: 'STOP' }, null],
    [{ finishReason: null }, null],
    [{ finishReason: 'LENGTH' }, 'the answer reached its length limit'],
    [{ finishReason: 'CONTENT_FILTER' }, 'the provider withheld the rest'],
    [{ status: 'STOPPED' }, 'stopped'],
    [{ status: 'STOPPED', error }, 'stopped: The model took too long.'],
  ] as const) {
    expect(describeEnding(fakeChat('a', change))).toBe(expected)
  }
})

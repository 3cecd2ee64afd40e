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
    expect(describeEnding(fakeChat('a', change), null)).toBe(expected)
  }
})

it('tells the limit of the balance from that of the model', () => {
  const usage = { input: 25, output: 250, estimated: false }
  const chat = fakeChat('a', { finishReason: 'LENGTH', usage, cost: 100, hold: 100 })
  expect(describeEnding(chat, 1024)).toBe('cut short: your tokens were used up')
  expect(describeEnding(chat, 250)).toBe('the answer reached its length limit')
  expect(describeEnding({ ...chat, hold: 400 }, 1024)).toBe('the answer reached its length limit')
})

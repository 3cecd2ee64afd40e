import { expect, it } from 'vitest'
import { fakeChat, fakeUsage } from '../fakes'
import { describeEnding, describeNoAnswer } from './ending'

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
    expect(describeEnding(fakeChat('a', { response: 'Hello', ...change }), null)).toBe(expected)
  }
})

it('tells the limit of the balance from that of the model', () => {
  const usage = fakeUsage(25, 250)
  const chat = fakeChat('a', { response: 'Hello', finishReason: 'LENGTH', usage, cost: 100, hold: 100 })
  expect(describeEnding(chat, 1024)).toBe('cut short: your tokens were used up')
  expect(describeEnding(chat, 250)).toBe('the answer reached its length limit')
  expect(describeEnding({ ...chat, hold: 400 }, 1024)).toBe('the answer reached its length limit')
})

it('says that there is no answer, and what the reasoning cost', () => {
  const chat = fakeChat('a', { finishReason: 'LENGTH', reasoning: 'Hm', usage: fakeUsage(25, 250), cost: 0, hold: 100 })
  const limit = 'The model used its whole output limit for thinking, and gave no answer.'
  expect(describeNoAnswer(chat, null)).toBe(`${limit} Nothing was charged.`)
  expect(describeNoAnswer({ ...chat, cost: 31 }, 250)).toBe(`${limit} This cost 31 tokens.`)
  expect(describeNoAnswer({ ...chat, cost: 100 }, 1024)).toBe(
    'Your tokens were used up while the model was thinking, so it gave no answer. This cost 100 tokens.',
  )
  expect(describeEnding(chat, null)).toBeNull()
  expect(describeNoAnswer({ ...chat, response: 'Hello' }, null)).toBeNull()
  expect(describeNoAnswer({ ...chat, status: 'STOPPED' }, null)).toBeNull()
})

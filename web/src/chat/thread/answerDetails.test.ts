import { expect, it } from 'vitest'
import { fakeChat } from '../fakes'
import { answerDetails, formatDuration } from './answerDetails'

it.each([
  [-5, '0.0 s'],
  [449, '0.4 s'],
  [9_960, '10 s'],
  [59_400, '59 s'],
  [125_000, '2 min 5 s'],
])('formats %d ms as %s', (milliseconds, expected) => {
  expect(formatDuration(milliseconds)).toBe(expected)
})

it('lists what is known about an answer', () => {
  const chat = fakeChat('a', {
    cost: 4,
    hold: 31,
    createdAt: '2026-01-01T10:00:00.000Z',
    firstChunkAt: '2026-01-01T10:00:00.400Z',
    finishedAt: '2026-01-01T10:00:02.500Z',
    usage: { input: 1300, output: 45, estimated: false },
  })
  const rows = Object.fromEntries(answerDetails(chat, { perMessage: 0, per1kInput: 10, per1kOutput: 30 }))
  expect(rows).toMatchObject({
    Model: 'echo',
    'Time to first token': '0.4 s',
    Duration: '2.5 s',
    Finish: 'Complete',
    Input: '1,300 model tokens',
    Output: '45 model tokens',
    Charged: '4 tokens',
    'Reserved before': '31 tokens',
  })
  expect(rows['Price today']).toBeTruthy()
})

it('omits what is unknown, and marks estimates', () => {
  const terms = answerDetails(fakeChat('a', { status: 'STOPPED' }), null).map(([term]) => term)
  expect(terms).toEqual(['Model', 'Sent', 'Finish', 'Charged', 'Reserved before'])
  const estimated = fakeChat('a', { usage: { input: 1, output: 2, estimated: true } })
  expect(Object.fromEntries(answerDetails(estimated, null)).Input).toBe('about 1 model token')
})

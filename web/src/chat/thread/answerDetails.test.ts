import { expect, it } from 'vitest'
import { fakePrice } from '../../format/fakes'
import { fakeChat, fakeUsage } from '../fakes'
import { answerDetails } from './answerDetails'

it('lists what is known about an answer', () => {
  const chat = fakeChat('a', {
    cost: 4,
    hold: 31,
    createdAt: '2026-01-01T10:00:00.000Z',
    firstChunkAt: '2026-01-01T10:00:00.400Z',
    finishedAt: '2026-01-01T10:00:02.500Z',
    usage: fakeUsage(1300, 45, { cacheRead: 1000, reasoning: 20 }),
  })
  const rows = Object.fromEntries(answerDetails(chat, fakePrice(0, 10_000, 30_000)))
  expect(rows).toMatchObject({
    Model: 'echo',
    'Time to first token': '0.4 s',
    Duration: '2.5 s',
    Finish: 'Complete',
    Input: '1,300 model tokens (1,000 from cache)',
    Output: '45 model tokens (20 for thinking)',
    Charged: '4 tokens',
    'Reserved before': '31 tokens',
  })
  expect(rows['Price today']).toBeTruthy()
})

it('omits what is unknown, and marks estimates', () => {
  const terms = answerDetails(fakeChat('a', { status: 'STOPPED' }), null).map(([term]) => term)
  expect(terms).toEqual(['Model', 'Sent', 'Finish', 'Charged', 'Reserved before'])
  const estimated = fakeChat('a', { usage: fakeUsage(1, 2, { estimated: true }) })
  expect(Object.fromEntries(answerDetails(estimated, null)).Input).toBe('about 1 model token')
})

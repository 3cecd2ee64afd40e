import { expect, it } from 'vitest'
import { fakeChat } from '../fakes'
import { advance, NO_REPLY } from './liveReply'

const chat = fakeChat('a', { status: 'PENDING' })

it('measures the reasoning from its first chunk to the first text', () => {
  const first = advance(NO_REPLY, chat, { text: '', reasoning: 'Hm' }, 1_000)
  expect(first).toEqual({ text: '', reasoning: 'Hm', reasoningSince: 1_000, reasoningMs: null })
  const more = advance(first, chat, { text: '', reasoning: 'Hm, well' }, 3_000)
  expect(more).toMatchObject({ reasoningSince: 1_000, reasoningMs: null })
  const answered = advance(more, chat, { text: 'Yes', reasoning: 'Hm, well' }, 5_500)
  expect(answered).toEqual({ text: 'Yes', reasoning: 'Hm, well', reasoningSince: 1_000, reasoningMs: 4_500 })
  expect(advance(answered, chat, { text: 'Yes.', reasoning: 'Hm, well' }, 9_000).reasoningMs).toBe(4_500)
})

it('measures nothing without reasoning', () => {
  expect(advance(NO_REPLY, chat, { text: 'Yes', reasoning: '' }, 1)).toEqual({ ...NO_REPLY, text: 'Yes' })
})

it('knows after a reload when the reasoning began, but not in the future', () => {
  const now = Date.parse('2026-01-01T10:00:30.000Z')
  const reloaded = { ...chat, firstChunkAt: '2026-01-01T10:00:10.000Z' }
  const thinking = advance(NO_REPLY, reloaded, { text: '', reasoning: 'Hm' }, now)
  expect(now - (thinking.reasoningSince ?? 0)).toBe(20_000)
  const ahead = { ...chat, firstChunkAt: '2026-01-01T10:05:00.000Z' }
  expect(advance(NO_REPLY, ahead, { text: '', reasoning: 'Hm' }, now).reasoningSince).toBe(now)
})

it('does not know how long the model reasoned if its text had begun before', () => {
  const reloaded = { ...chat, response: 'Yes' }
  const thinking = advance(NO_REPLY, reloaded, { text: '', reasoning: 'Hm' }, 1_000)
  expect(advance(thinking, reloaded, { text: 'Yes', reasoning: 'Hm' }, 1_001).reasoningMs).toBeNull()
})

import { expect, it, vi } from 'vitest'
import { fakeChange, fakeChat, fakePage, fakeThread } from '../fakes'
import { applyChange } from './applyChange'
import type { ThreadSource } from './threadStore'

async function setUp() {
  const outline = vi.fn<ThreadSource['outline']>(() => Promise.resolve({ nodes: [fakeChat('a')], hasEarlier: false }))
  const chat = vi.fn<ThreadSource['chat']>((id) => Promise.resolve(fakeChat(id)))
  const { store } = fakeThread({ load: () => Promise.resolve(fakePage([fakeChat('a')])), outline, chat })
  await store.open()
  return { store, outline, chat }
}

it.each([
  ['RELOAD', null, null],
  ['VERSION_CHOSEN', 'a', 'DONE'],
  ['CHAT_DELETED', 'a', null],
  ['CHAT_REPLACED', 'x', 'PENDING'],
  ['CHAT_FINISHED', 'a', 'FAILED'],
  ['CHAT_FINISHED', 'a', 'STOPPED'],
  ['CHAT_FINISHED', 'x', 'DONE'],
] as const)('refreshes the thread after %s of %s, %s', async (kind, chatId, status) => {
  const { store, outline } = await setUp()
  applyChange(store, fakeChange(kind, { chatId, chat: chatId && status && { id: chatId, status } }))
  expect(outline).toHaveBeenCalledOnce()
})

it.each([
  ['CHAT_REPLACED', 'PENDING'],
  ['CHAT_FINISHED', 'DONE'],
  ['CHAT_STARTED', 'PENDING'],
] as const)('knows what was sent here after %s', async (kind, status) => {
  const { store, outline, chat } = await setUp()
  applyChange(store, fakeChange(kind, { chatId: 'a', chat: { id: 'a', status } }))
  expect(outline).not.toHaveBeenCalled()
  expect(chat).not.toHaveBeenCalled()
})

it('loads a message that was sent elsewhere', async () => {
  const { store, chat } = await setUp()
  applyChange(store, fakeChange('CHAT_STARTED', { chatId: 'x', chat: { id: 'x', status: 'PENDING' } }))
  expect(chat).toHaveBeenCalledWith('x')
})

it('shows that the conversation was deleted', async () => {
  const { store } = await setUp()
  applyChange(store, fakeChange('DELETED'))
  expect(store.state.phase).toBe('missing')
})

import { describe, expect, it, vi } from 'vitest'
import { serverUnreachable } from '../../graphql/problem'
import { fakeChat, fakePage as page, fakeThread as setUp } from '../fakes'
import type { Outline } from './outline'
import type { ThreadSource } from './threadStore'

const outline = (nodes: Outline['nodes'], hasEarlier = false) => Promise.resolve({ nodes, hasEarlier })
const ids = (store: { state: { chats: readonly { id: string }[] } }) => store.state.chats.map(({ id }) => id).join('')

describe('ThreadStore.refresh', () => {
  it('loads new chats, follows them, and forgets deleted ones', async () => {
    const pending = fakeChat('c', { status: 'PENDING' })
    const { store, socket } = setUp({
      load: () => Promise.resolve(page([fakeChat('b'), fakeChat('a')])),
      chat: () => Promise.resolve(pending),
      outline: () => outline([pending, fakeChat('a')]),
    })
    await store.open()
    await store.refresh()
    expect(ids(store)).toBe('ac')
    expect(socket.last.variables).toEqual({ chatId: 'c' })
  })

  it('announces the end of an answer that was missed', async () => {
    const { store, onEvent } = setUp({
      load: () => Promise.resolve(page([fakeChat('a', { status: 'PENDING' })])),
      chat: () => Promise.resolve(fakeChat('a', { response: 'Hello' })),
      outline: () => outline([fakeChat('a')]),
    })
    await store.open()
    await store.refresh()
    expect(store.state.chats[0]).toMatchObject({ status: 'DONE', response: 'Hello' })
    expect(store.state.live.size).toBe(0)
    expect(onEvent.mock.calls.map(([event]) => event)).toEqual(['finished'])
  })

  it('loads a page instead of very many chats, without what was loaded before', async () => {
    const many = Array.from('zyxwvutsrqpo', (id) => fakeChat(id))
    const load = vi
      .fn<ThreadSource['load']>()
      .mockResolvedValueOnce(page([fakeChat('b'), fakeChat('a')]))
      .mockResolvedValueOnce(page(many, 'cursor'))
    const { store } = setUp({ load, outline: () => outline(many, true) })
    await store.open()
    await store.refresh()
    expect(ids(store)).toBe('opqrstuvwxyz')
    expect(store.state.hasEarlier).toBe(true)
  })

  it('keeps what there is after a failure, and continues with the next one', async () => {
    const request = vi
      .fn<ThreadSource['outline']>()
      .mockRejectedValueOnce(serverUnreachable())
      .mockImplementation(() => outline([]))
    const { store } = setUp({ load: () => Promise.resolve(page([fakeChat('a')])), outline: request })
    await store.open()
    await store.refresh()
    expect(store.state).toMatchObject({ phase: 'ready', problem: { code: 'NETWORK' } })
    expect(ids(store)).toBe('a')
    await store.refresh()
    expect(store.state.problem).toBeNull()
    expect(ids(store)).toBe('')
  })

  it('shares one more request among calls during a refresh', async () => {
    const request = vi.fn<ThreadSource['outline']>(() => outline([]))
    const { store } = setUp({ outline: request })
    await store.open()
    await Promise.all([store.refresh(), store.refresh(), store.refresh()])
    expect(request).toHaveBeenCalledTimes(2)
  })

  it('shows that the conversation was deleted', async () => {
    const { store } = setUp({ outline: () => Promise.resolve(null) })
    await store.open()
    await store.refresh()
    expect(store.state.phase).toBe('missing')
  })
})

describe('ThreadStore.started', () => {
  it('loads and follows a chat that was sent from elsewhere, once', async () => {
    const chat = vi.fn<ThreadSource['chat']>(() => Promise.resolve(fakeChat('b', { status: 'PENDING' })))
    const { store, socket } = setUp({ chat })
    await store.open()
    await store.started('b')
    await store.started('b')
    expect(chat).toHaveBeenCalledOnce()
    expect(ids(store)).toBe('b')
    expect(socket.subscriptions).toHaveLength(1)
  })
})

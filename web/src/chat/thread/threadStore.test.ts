import { describe, expect, it, vi } from 'vitest'
import { Problem, serverUnreachable } from '../../graphql/problem'
import { fakeChat, fakePage as page, fakeThread as setUp } from '../fakes'
import type { ThreadSource } from './threadStore'

const pending = fakeChat('b', { status: 'PENDING' })

describe('ThreadStore', () => {
  it.each([
    ['DONE', 'finished'],
    ['STOPPED', 'stopped'],
    ['FAILED', 'failed'],
    ['INTERRUPTED', 'failed'],
  ] as const)('announces an answer that ends as %s as %s', async (status, event) => {
    const { store, socket, onEvent } = setUp({ load: () => Promise.resolve(page([pending])) })
    await store.open()
    socket.finish({ ...pending, status })
    expect(onEvent).toHaveBeenCalledExactlyOnceWith(event, { ...pending, status })
  })

  it('loads the newest page, then earlier ones, in the order of time', async () => {
    const load = vi
      .fn<ThreadSource['load']>()
      .mockResolvedValueOnce(page([fakeChat('d'), fakeChat('c')], 'cursor'))
      .mockResolvedValueOnce(page([fakeChat('b'), fakeChat('a')]))
    const { store } = setUp({ load })
    await store.open()
    expect(store.state).toMatchObject({ phase: 'ready', hasEarlier: true })
    await store.loadEarlier()
    expect(load).toHaveBeenLastCalledWith('cursor')
    expect(store.state.chats.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd'])
    expect(store.state.hasEarlier).toBe(false)
  })

  it('follows pending chats after a reload, and notifies once for many deltas', async () => {
    const { store, socket, paint, onEvent } = setUp({ load: () => Promise.resolve(page([pending, fakeChat('a')])) })
    await store.open()
    expect(socket.subscriptions).toHaveLength(1)
    const painted = vi.fn()
    store.subscribe(painted)
    socket.delta(0, 'Hel')
    socket.delta(3, 'lo')
    expect(painted).not.toHaveBeenCalled()
    paint()
    expect(painted).toHaveBeenCalledOnce()
    expect(store.state.live.get('b')?.text).toBe('Hello')
    expect(onEvent.mock.calls.map(([event]) => event)).toEqual(['started'])
  })

  it('announces the reasoning once, and then the text', async () => {
    const { store, socket, paint, onEvent } = setUp({ load: () => Promise.resolve(page([pending])) })
    await store.open()
    socket.reasoning(0, 'Hm, ')
    paint()
    socket.reasoning(4, 'well')
    expect(store.state.live.get('b')).toMatchObject({ text: '', reasoning: 'Hm, ' })
    socket.delta(0, 'Yes')
    socket.delta(3, '.')
    paint()
    expect(store.state.live.get('b')).toMatchObject({ text: 'Yes.', reasoning: 'Hm, well' })
    expect(onEvent.mock.calls.map(([event]) => event)).toEqual(['thinking', 'started'])
  })

  it('announces a model that reached its limit within its reasoning', async () => {
    const { store, socket, onEvent } = setUp({ load: () => Promise.resolve(page([pending])) })
    await store.open()
    socket.reasoning(0, 'Hm')
    socket.finish({ ...pending, status: 'DONE', finishReason: 'LENGTH', reasoning: 'Hm' })
    expect(onEvent.mock.calls.map(([event]) => event)).toEqual(['thinking', 'unanswered'])
  })

  it('replaces the reply in progress by the finished chat', async () => {
    const { store, socket, paint, onEvent } = setUp({ load: () => Promise.resolve(page([pending])) })
    await store.open()
    socket.delta(0, 'Hel')
    socket.finish(fakeChat('b', { response: 'Hello' }))
    paint()
    expect(store.state.live.size).toBe(0)
    expect(store.state.chats[0]).toMatchObject({ status: 'DONE', response: 'Hello' })
    expect(onEvent.mock.calls.map(([event]) => event)).toEqual(['started', 'finished'])
  })

  it('polls for the answer after its subscription is lost', async () => {
    const ended = fakeChat('b', { response: 'Hello' })
    const { store, socket } = setUp({
      load: () => Promise.resolve(page([pending])),
      chat: () => Promise.resolve(ended),
    })
    await store.open()
    socket.last.sink.done(serverUnreachable())
    await vi.waitFor(() => expect(store.state.chats[0]?.status).toBe('DONE'))
  })

  it('unsubscribes on close, and subscribes again on open', async () => {
    const { store, socket } = setUp({ load: () => Promise.resolve(page([pending])) })
    await store.open()
    store.close()
    expect(socket.last.isUnsubscribed).toBe(true)
    await store.open()
    expect(socket.subscriptions).toHaveLength(2)
    expect(socket.last.isUnsubscribed).toBe(false)
  })

  it('distinguishes a missing conversation from an unreachable server', async () => {
    const missing = setUp({ load: () => Promise.reject(new Problem('NOT_FOUND', 'No such conversation.')) }).store
    await missing.open()
    expect(missing.state.phase).toBe('missing')

    const failed = setUp({ load: () => Promise.reject(serverUnreachable()) }).store
    await failed.open()
    expect(failed.state).toMatchObject({ phase: 'failed', problem: { code: 'NETWORK' } })
  })

  it('stops loading towards a chat after a failure, until the user retries', async () => {
    const load = vi
      .fn<ThreadSource['load']>()
      .mockResolvedValueOnce(page([fakeChat('d')], 'cursor'))
      .mockRejectedValue(serverUnreachable())
    const { store } = setUp({ load })
    await store.open()
    for (let times = 0; times < 10; times++) await store.loadTowards('unknown')
    expect(load).toHaveBeenCalledTimes(2)
    expect(store.state.problem?.code).toBe('NETWORK')
    await store.loadEarlier()
    expect(load).toHaveBeenCalledTimes(3)
  })

  it('loads a limited number of pages towards a chat, and none beyond it', async () => {
    const load = vi.fn<ThreadSource['load']>(() => Promise.resolve(page([fakeChat('d')], 'cursor')))
    const { store } = setUp({ load })
    await store.open()
    await store.loadTowards('d')
    expect(load).toHaveBeenCalledTimes(1)
    for (let times = 0; times < 100; times++) await store.loadTowards('unknown')
    expect(load).toHaveBeenCalledTimes(21)
  })
})

import { describe, expect, it, vi } from 'vitest'
import { serverUnreachable } from '../../graphql/problem'
import { fakeChat, FakeSocket } from '../fakes'
import { followReply } from './followReply'

function follow() {
  const socket = new FakeSocket()
  const follower = { progress: vi.fn(), finished: vi.fn(), lost: vi.fn() }
  const unfollow = followReply(socket, 'a', follower)
  return { socket, follower, unfollow }
}

describe('followReply', () => {
  it('replays from the start, and reports the text as it grows', () => {
    const { socket, follower } = follow()
    expect(socket.last.variables).toEqual({ chatId: 'a' })
    socket.delta(0, 'Hel')
    socket.delta(3, 'lo')
    expect(follower.progress.mock.calls).toEqual([
      ['Hel', ''],
      ['Hello', ''],
    ])
  })

  it('resumes after the last delta, if the connection is lost', () => {
    const { socket, follower } = follow()
    socket.delta(0, 'Hel')
    // The socket sends these after a reconnect.
    expect(socket.last.variables).toEqual({ chatId: 'a', after: 3 })
    socket.delta(3, 'lo')
    expect(follower.progress).toHaveBeenLastCalledWith('Hello', '')
  })

  it('starts over if a delta is missing', () => {
    const { socket, follower } = follow()
    socket.delta(0, 'Hel')
    socket.delta(7, 'world')
    expect(socket.subscriptions).toHaveLength(2)
    expect(socket.subscriptions[0]?.isUnsubscribed).toBe(true)
    expect(socket.last.variables).toEqual({ chatId: 'a' })
    socket.delta(0, 'Hello, world')
    expect(follower.progress).toHaveBeenLastCalledWith('Hello, world', '')
  })

  it('resumes the text and the reasoning each at a position of its own', () => {
    const { socket, follower } = follow()
    socket.reasoning(0, 'Hm, ')
    expect(socket.last.variables).toEqual({ chatId: 'a', reasoningAfter: 4 })
    // A repetition that overlaps, and one of what is known.
    socket.reasoning(2, ', well')
    socket.reasoning(0, 'Hm')
    expect(follower.progress).toHaveBeenLastCalledWith('', 'Hm, well')
    socket.delta(0, 'Yes')
    expect(socket.last.variables).toEqual({ chatId: 'a', after: 3, reasoningAfter: 8 })
    expect(follower.progress).toHaveBeenLastCalledWith('Yes', 'Hm, well')
    expect(socket.subscriptions).toHaveLength(1)
  })

  it('replays the part alone in which a delta is missing', () => {
    const { socket, follower } = follow()
    socket.reasoning(0, 'Hm, ')
    socket.delta(0, 'Yes')
    socket.reasoning(9, 'lost')
    expect(socket.subscriptions).toHaveLength(2)
    expect(socket.last.variables).toEqual({ chatId: 'a', after: 3 })
    socket.reasoning(0, 'Hm, well lost')
    socket.delta(3, '!')
    expect(follower.progress).toHaveBeenLastCalledWith('Yes!', 'Hm, well lost')
    socket.delta(9, '?')
    expect(socket.last.variables).toEqual({ chatId: 'a', reasoningAfter: 13 })
    socket.delta(0, 'Yes! So?')
    expect(follower.progress).toHaveBeenLastCalledWith('Yes! So?', 'Hm, well lost')
  })

  it('reports the end once', () => {
    const { socket, follower } = follow()
    const chat = fakeChat('a', { response: 'Hello' })
    socket.finish(chat)
    socket.last.sink.done(null)
    expect(follower.finished.mock.calls).toEqual([[chat]])
    expect(follower.lost).not.toHaveBeenCalled()
  })

  it('reports a subscription that is lost before the end', () => {
    const { socket, follower } = follow()
    socket.last.sink.done(serverUnreachable())
    expect(follower.lost).toHaveBeenCalledOnce()
  })

  it('reports nothing after unfollow', () => {
    const { socket, follower, unfollow } = follow()
    unfollow()
    socket.delta(0, 'late')
    socket.last.sink.done(null)
    expect(socket.last.isUnsubscribed).toBe(true)
    expect(follower.progress).not.toHaveBeenCalled()
    expect(follower.lost).not.toHaveBeenCalled()
  })
})

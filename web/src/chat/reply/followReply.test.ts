import { describe, expect, it, vi } from 'vitest'
import { serverUnreachable } from '../../graphql/problem'
import { fakeChat, FakeSocket } from '../fakes'
import { followReply } from './followReply'

function follow() {
  const socket = new FakeSocket()
  const follower = { text: vi.fn(), finished: vi.fn(), lost: vi.fn() }
  const unfollow = followReply(socket, 'a', follower)
  return { socket, follower, unfollow }
}

describe('followReply', () => {
  it('replays from the start, and reports the text as it grows', () => {
    const { socket, follower } = follow()
    expect(socket.last.variables).toEqual({ chatId: 'a' })
    socket.delta(0, 'Hel')
    socket.delta(3, 'lo')
    expect(follower.text.mock.calls).toEqual([['Hel'], ['Hello']])
  })

  it('resumes after the last delta, if the connection is lost', () => {
    const { socket, follower } = follow()
    socket.delta(0, 'Hel')
    // The socket sends these after a reconnect.
    expect(socket.last.variables).toEqual({ chatId: 'a', after: 3 })
    socket.delta(3, 'lo')
    expect(follower.text).toHaveBeenLastCalledWith('Hello')
  })

  it('starts over if a delta is missing', () => {
    const { socket, follower } = follow()
    socket.delta(0, 'Hel')
    socket.delta(7, 'world')
    expect(socket.subscriptions).toHaveLength(2)
    expect(socket.subscriptions[0]?.isUnsubscribed).toBe(true)
    expect(socket.last.variables).toEqual({ chatId: 'a' })
    socket.delta(0, 'Hello, world')
    expect(follower.text).toHaveBeenLastCalledWith('Hello, world')
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
    expect(follower.text).not.toHaveBeenCalled()
    expect(follower.lost).not.toHaveBeenCalled()
  })
})

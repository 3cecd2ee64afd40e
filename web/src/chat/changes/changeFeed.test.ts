import { expect, it, vi } from 'vitest'
import { serverUnreachable } from '../../graphql/problem'
import { fakeChange, FakeSocket } from '../fakes'
import { ChangeFeed, type ConversationChange } from './changeFeed'

it('subscribes once for all listeners', () => {
  const socket = new FakeSocket()
  const feed = new ChangeFeed(socket)
  const [one, two] = [vi.fn<(change: ConversationChange) => void>(), vi.fn()]
  feed.listen(one)
  const unlisten = feed.listen(two)
  feed.open()
  expect(socket.subscriptions).toHaveLength(1)
  socket.change(fakeChange('RELOAD'))
  unlisten()
  socket.change(fakeChange('CREATED'))
  expect(one.mock.calls.map(([{ kind }]) => kind)).toEqual(['RELOAD', 'CREATED'])
  expect(two).toHaveBeenCalledOnce()
})

it('subscribes again after a failure, until it is closed', () => {
  vi.useFakeTimers()
  const socket = new FakeSocket()
  const feed = new ChangeFeed(socket)
  feed.open()
  socket.last.sink.done(serverUnreachable())
  vi.runAllTimers()
  expect(socket.subscriptions).toHaveLength(2)
  socket.last.sink.done(serverUnreachable())
  feed.close()
  vi.runAllTimers()
  expect(socket.subscriptions).toHaveLength(2)
  expect(socket.last.isUnsubscribed).toBe(true)
  vi.useRealTimers()
})

import type { TypedDocumentNode } from '@urql/core'
import { expect, it, vi } from 'vitest'
import { collectChunks } from './collectChunks'
import { Problem } from './problem'
import type { Sink, Socket, SocketStatus } from './socket'

type Data = { exportThings: { text: string } }

const document = {} as TypedDocumentNode<Data, Record<string, never>>

/** A socket whose events the test emits. */
function fakeSocket() {
  let sink: Sink<Data> | undefined
  let status: SocketStatus = 'connected'
  let listener: () => void = () => undefined
  const unsubscribe = vi.fn()
  return {
    chunk: (text: string) => sink?.next({ exportThings: { text } }),
    end: (problem: Problem | null) => sink?.done(problem),
    break: () => {
      status = 'reconnecting'
      listener()
    },
    unsubscribe,
    socket: {
      on: (_: unknown, __: unknown, given: Sink<Data>) => {
        sink = given
        return unsubscribe
      },
      subscribe: (given: () => void) => {
        listener = given
        return () => (listener = () => undefined)
      },
      get state() {
        return status
      },
    } as unknown as Pick<Socket, 'on' | 'subscribe' | 'state'>,
  }
}

function collect() {
  const server = fakeSocket()
  const outcome = { done: vi.fn(), failed: vi.fn() }
  const stop = collectChunks(server.socket, document, {}, outcome)
  return { server, outcome, stop }
}

it('collects the chunks in order', () => {
  const { server, outcome } = collect()
  server.chunk('a,b\r\n')
  server.chunk('1,2\r\n')
  expect(outcome.done).not.toHaveBeenCalled()
  server.end(null)
  expect(outcome.done).toHaveBeenCalledExactlyOnceWith(['a,b\r\n', '1,2\r\n'])
})

it('reports a rejection, and returns no chunks', () => {
  const { server, outcome } = collect()
  server.end(new Problem('FORBIDDEN', 'Not allowed.'))
  expect(outcome.failed).toHaveBeenCalledOnce()
  expect(outcome.done).not.toHaveBeenCalled()
})

it('fails if the connection is lost midway, so that no chunk is in the file twice', () => {
  const { server, outcome } = collect()
  server.chunk('a,b\r\n')
  server.break()
  expect(server.unsubscribe).toHaveBeenCalledOnce()
  expect(outcome.failed.mock.lastCall?.[0]).toMatchObject({ code: 'NETWORK' })
})

it('continues if the connection is lost before the first chunk', () => {
  const { server, outcome } = collect()
  server.break()
  server.chunk('a')
  server.end(null)
  expect(outcome.failed).not.toHaveBeenCalled()
  expect(outcome.done).toHaveBeenCalledExactlyOnceWith(['a'])
})

import type { TypedDocumentNode } from '@urql/core'
import { serverUnreachable, type Problem } from './problem'
import type { Socket } from './socket'

/** An event of a file export: one field with a chunk of the file. */
type FileChunk = Record<string, { text: string }>

type Outcome = { done(chunks: string[]): void; failed(problem: Problem): void }

/** Collects the chunks of a file export. Returns the function that cancels it. */
export function collectChunks<T extends FileChunk, V extends Record<string, unknown>>(
  socket: Pick<Socket, 'on' | 'subscribe' | 'state'>,
  document: TypedDocumentNode<T, V>,
  variables: V,
  outcome: Outcome,
): () => void {
  const chunks: string[] = []
  const stop = () => {
    unsubscribe()
    removeListener()
  }
  const unsubscribe = socket.on(document, variables, {
    next: (data) => chunks.push(...Object.values(data).map(({ text }) => text)),
    done: (problem) => {
      removeListener()
      if (problem) outcome.failed(problem)
      else outcome.done(chunks)
    },
  })
  // After a reconnect the server restarts the export, and the file would have its beginning twice.
  const removeListener = socket.subscribe(() => {
    if (socket.state === 'reconnecting' && chunks.length > 0) {
      stop()
      outcome.failed(serverUnreachable())
    }
  })
  return stop
}

import type { TypedDocumentNode } from '@urql/core'
import { notReached, type Problem } from './problem'
import type { Socket } from './socket'

/** What the subscriptions to files give: one field with a part. */
type Part = Record<string, { text: string }>

type Outcome = { done(parts: string[]): void; failed(problem: Problem): void }

/** Collects the parts of a file. Returns how to leave off. */
export function collectParts<T extends Part, V extends Record<string, unknown>>(
  socket: Pick<Socket, 'on' | 'subscribe' | 'state'>,
  document: TypedDocumentNode<T, V>,
  variables: V,
  outcome: Outcome,
): () => void {
  const parts: string[] = []
  const stop = () => {
    leave()
    unlisten()
  }
  const leave = socket.on(document, variables, {
    next: (data) => parts.push(...Object.values(data).map(({ text }) => text)),
    done: (problem) => {
      unlisten()
      if (problem) outcome.failed(problem)
      else outcome.done(parts)
    },
  })
  // After a break the server would begin anew, and the file would have its beginning twice.
  const unlisten = socket.subscribe(() => {
    if (socket.state === 'reconnecting' && parts.length > 0) {
      stop()
      outcome.failed(notReached())
    }
  })
  return stop
}

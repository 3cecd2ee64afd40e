import { ExportChatsDocument, type ExportFormat } from '../gql/account'
import { notReached, type Problem } from '../graphql/problem'
import type { Socket } from '../graphql/socket'

type Outcome = { done(parts: string[]): void; failed(problem: Problem): void }

/** Collects the parts of the file. Returns how to leave off. */
export function exportChats(
  socket: Pick<Socket, 'on' | 'subscribe' | 'snapshot'>,
  format: ExportFormat,
  outcome: Outcome,
): () => void {
  const parts: string[] = []
  const stop = () => {
    leave()
    unlisten()
  }
  const leave = socket.on(
    ExportChatsDocument,
    { format },
    {
      next: ({ exportChats: { text } }) => parts.push(text),
      done: (problem) => {
        unlisten()
        if (problem) outcome.failed(problem)
        else outcome.done(parts)
      },
    },
  )
  // After a break the server would begin anew, and the file would have its beginning twice.
  const unlisten = socket.subscribe(() => {
    if (socket.snapshot() === 'reconnecting' && parts.length > 0) {
      stop()
      outcome.failed(notReached())
    }
  })
  return stop
}

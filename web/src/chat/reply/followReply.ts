import { ReplyStreamDocument } from '../../gql/chat'
import type { Problem } from '../../graphql/problem'
import type { Socket } from '../../graphql/socket'
import type { Chat } from '../chat'
import { append, EMPTY_REPLY } from './reply'

/** The callbacks of a followed reply. The last call is `finished` or `lost`. */
export type Follower = {
  /** The text of the reply so far. */
  text(text: string): void
  finished(chat: Chat): void
  /** The subscription ended before the reply. */
  lost(problem: Problem | null): void
}

/** Follows the reply of a chat from its start to its end, across reconnects. Returns the function that unfollows it. */
export function followReply(socket: Pick<Socket, 'on'>, chatId: string, follower: Follower): () => void {
  let reply = EMPTY_REPLY
  let isDone = false
  let unsubscribe: () => void = () => undefined

  const subscribe = () => {
    // The socket sends these again after a reconnect; `after` is then the position to resume at.
    const variables: { chatId: string; after?: number } = { chatId }
    unsubscribe = socket.on(ReplyStreamDocument, variables, {
      next: ({ replyStream: event }) => {
        if (isDone) return
        if (event.__typename !== 'ReplyDelta') {
          isDone = true
          follower.finished(event.chat)
          return
        }
        const appended = append(reply, event)
        if (appended) {
          reply = appended
          variables.after = appended.seq
          follower.text(appended.text)
        } else {
          reply = EMPTY_REPLY
          unsubscribe()
          subscribe()
        }
      },
      done: (problem) => {
        if (isDone) return
        isDone = true
        follower.lost(problem)
      },
    })
  }

  subscribe()
  return () => {
    isDone = true
    unsubscribe()
  }
}

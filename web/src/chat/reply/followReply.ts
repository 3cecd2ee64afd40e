import { ReplyStreamDocument } from '../../gql/chat'
import type { Problem } from '../../graphql/problem'
import type { Socket } from '../../graphql/socket'
import type { Chat } from '../chat'
import { append, EMPTY } from './reply'

export type Follower = {
  /** The reply as it is now. */
  text(text: string): void
  finished(chat: Chat): void
  /** The stream broke off for good, before the reply ended. */
  lost(problem: Problem | null): void
}

/** Follows the reply of a chat, from its start to its end, over breaks of the connection. Returns how to leave off. */
export function followReply(socket: Pick<Socket, 'on'>, chatId: string, follower: Follower): () => void {
  let reply = EMPTY
  let isOver = false
  let leave: () => void = () => undefined

  const begin = () => {
    // The socket sends these anew after a break: by then `after` says where to go on.
    const variables: { chatId: string; after?: number } = { chatId }
    leave = socket.on(ReplyStreamDocument, variables, {
      next: ({ replyStream: event }) => {
        if (isOver) return
        if (event.__typename !== 'ReplyDelta') {
          isOver = true
          follower.finished(event.chat)
          return
        }
        const grown = append(reply, event)
        if (grown) {
          reply = grown
          variables.after = grown.seq
          follower.text(grown.text)
        } else {
          reply = EMPTY
          leave()
          begin()
        }
      },
      done: (problem) => {
        if (isOver) return
        isOver = true
        follower.lost(problem)
      },
    })
  }

  begin()
  return () => {
    isOver = true
    leave()
  }
}

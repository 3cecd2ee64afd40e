import { ReplyStreamDocument, type ReplyStreamSubscriptionVariables } from '../../gql/chat'
import type { Problem } from '../../graphql/problem'
import type { Socket } from '../../graphql/socket'
import type { Chat } from '../chat'
import { append, EMPTY_REPLY, type Reply } from './reply'

/** The callbacks of a followed reply. The last call is `finished` or `lost`. */
export type Follower = {
  /** The text of the reply so far, and the reasoning before it. */
  progress(text: string, reasoning: string): void
  finished(chat: Chat): void
  /** The subscription ended before the reply. */
  lost(problem: Problem | null): void
}

/** The texts of a reply, each with the argument that resumes it. */
const POSITIONS = { text: 'after', reasoning: 'reasoningAfter' } as const

type Part = keyof typeof POSITIONS

/** Follows the reply of a chat from its start to its end, across reconnects. Returns the function that unfollows it. */
export function followReply(socket: Pick<Socket, 'on'>, chatId: string, follower: Follower): () => void {
  const parts: Record<Part, Reply> = { text: EMPTY_REPLY, reasoning: EMPTY_REPLY }
  // The socket sends these again after a reconnect, with the positions to resume at.
  let variables: ReplyStreamSubscriptionVariables = { chatId }
  let isDone = false
  let unsubscribe: () => void = () => undefined

  const subscribe = () => {
    unsubscribe = socket.on(ReplyStreamDocument, variables, {
      next: ({ replyStream: event }) => {
        if (isDone) return
        if (event.__typename !== 'ReplyDelta' && event.__typename !== 'ReplyReasoning') {
          isDone = true
          follower.finished(event.chat)
          return
        }
        const part = event.__typename === 'ReplyDelta' ? 'text' : 'reasoning'
        const appended = append(parts[part], event)
        if (appended) {
          parts[part] = appended
          variables[POSITIONS[part]] = appended.seq
          follower.progress(parts.text.text, parts.reasoning.text)
        } else {
          // The other part goes on where it is.
          parts[part] = EMPTY_REPLY
          unsubscribe()
          variables = { ...variables, [POSITIONS[part]]: undefined }
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

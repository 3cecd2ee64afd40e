import { ConversationChangedDocument, type ConversationChangedSubscription } from '../../gql/chat'
import type { Socket } from '../../graphql/socket'

/** A change of the user's conversations or chats, by any device. */
export type ConversationChange = ConversationChangedSubscription['conversationChanged']

/** Milliseconds after which a failed subscription is sent again. The socket itself reconnects sooner. */
const RETRY_DELAY = 5_000

/** The changes of the user's conversations and chats, for all parts of the page: one subscription. */
export class ChangeFeed {
  private readonly listeners = new Set<(change: ConversationChange) => void>()
  private readonly socket: Pick<Socket, 'on'>
  private unsubscribe: (() => void) | null = null
  private retry: ReturnType<typeof setTimeout> | undefined

  constructor(socket: Pick<Socket, 'on'>) {
    this.socket = socket
  }

  /** Adds a listener. Returns the function that removes it. */
  listen(listener: (change: ConversationChange) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Subscribes until `close`. After each reconnect the first event is RELOAD. */
  open(): void {
    this.unsubscribe = this.socket.on(
      ConversationChangedDocument,
      {},
      {
        next: ({ conversationChanged }) => {
          for (const listener of [...this.listeners]) listener(conversationChanged)
        },
        done: () => {
          this.retry = setTimeout(() => this.open(), RETRY_DELAY)
        },
      },
    )
  }

  close(): void {
    clearTimeout(this.retry)
    this.unsubscribe?.()
    this.unsubscribe = null
  }
}

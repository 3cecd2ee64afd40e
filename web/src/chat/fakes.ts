import { vi } from 'vitest'
import type { ReplyStreamSubscription } from '../gql/chat'
import type { Page } from '../graphql/pagedList'
import type { Sink, Socket } from '../graphql/socket'
import type { ConversationChange } from './changes/changeFeed'
import type { Chat } from './chat'
import { ThreadStore, type ThreadSource } from './thread/threadStore'

export function fakeChat(id: string, change: Partial<Chat> = {}): Chat {
  return {
    id,
    message: `message ${id}`,
    response: '',
    reasoning: null,
    reasoningMs: null,
    model: 'echo',
    status: 'DONE',
    finishReason: null,
    cost: 100,
    hold: 100,
    // In the order of their ids.
    createdAt: new Date(Date.UTC(2026, 0, 1) + id.charCodeAt(0) * 1000).toISOString(),
    firstChunkAt: null,
    finishedAt: null,
    usage: null,
    replacedById: null,
    versions: null,
    contextLeftOut: 0,
    error: null,
    ...change,
  }
}

export function fakeChange(
  kind: ConversationChange['kind'],
  change: Partial<ConversationChange> = {},
): ConversationChange {
  const conversationId = change.conversation?.id ?? null
  return { kind, conversationId, conversation: null, chatId: null, chat: null, ...change }
}

type Event = ReplyStreamSubscription['replyStream']

export type FakeSubscription = {
  variables: Record<string, unknown>
  isUnsubscribed: boolean
  sink: Sink<ReplyStreamSubscription>
}

/** A socket whose events the test emits. */
export class FakeSocket implements Pick<Socket, 'on'> {
  readonly subscriptions: FakeSubscription[] = []

  readonly on: Socket['on'] = (_document, variables, sink) => {
    const subscription = { variables, isUnsubscribed: false, sink: sink as unknown as FakeSubscription['sink'] }
    this.subscriptions.push(subscription)
    return () => {
      subscription.isUnsubscribed = true
    }
  }

  get last(): FakeSubscription {
    const subscription = this.subscriptions.at(-1)
    if (!subscription) throw new Error('no subscription')
    return subscription
  }

  emit(replyStream: Event): void {
    this.last.sink.next({ replyStream })
  }

  /** Emits a change of the conversations. */
  change(conversationChanged: ConversationChange): void {
    const sink = this.last.sink as unknown as Sink<{ conversationChanged: ConversationChange }>
    sink.next({ conversationChanged })
  }

  /** Emits a delta of the reply, with the offsets in Unicode characters that the server sends. */
  delta(offset: number, text: string): void {
    this.emit({ __typename: 'ReplyDelta', seq: offset + Array.from(text).length, offset, text })
  }

  /** Emits a delta of the reasoning. */
  reasoning(offset: number, text: string): void {
    this.emit({ __typename: 'ReplyReasoning', seq: offset + Array.from(text).length, offset, text })
  }

  finish(chat: Chat): void {
    this.emit({ __typename: 'ReplyFinished', chat })
  }
}

/** A storage in memory. */
export function fakeStorage(): Storage {
  const items = new Map<string, string>()
  return {
    get length() {
      return items.size
    },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => void items.set(name, value),
    removeItem: (name) => void items.delete(name),
    clear: () => items.clear(),
  }
}

export function fakePage(nodes: Chat[], endCursor: string | null = null): Page<Chat> {
  return { nodes, pageInfo: { endCursor, hasNextPage: endCursor !== null } }
}

/** A thread whose server answers as given, and which is painted by hand. */
export function fakeThread(change: Partial<ThreadSource> = {}) {
  const socket = new FakeSocket()
  const paints: (() => void)[] = []
  const onEvent = vi.fn<ThreadSource['onEvent']>()
  const store = new ThreadStore({
    load: () => Promise.resolve(fakePage([])),
    chat: () => Promise.resolve(null),
    outline: () => Promise.resolve({ nodes: [], hasEarlier: false }),
    socket,
    schedule: (work) => {
      paints.push(work)
      return () => paints.splice(paints.indexOf(work), 1)
    },
    onEvent,
    ...change,
  })
  const paint = () => paints.splice(0).forEach((work) => work())
  return { store, socket, paint, onEvent }
}

/** A usage without parts. */
export function fakeUsage(input: number, output: number, change: Partial<NonNullable<Chat['usage']>> = {}) {
  return { input, output, cacheRead: 0, cacheWrite: 0, reasoning: 0, estimated: false, ...change }
}

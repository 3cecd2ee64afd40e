import type { ReplyStreamSubscription } from '../gql/chat'
import type { Sink, Socket } from '../graphql/socket'
import type { Chat } from './chat'

export function fakeChat(id: string, change: Partial<Chat> = {}): Chat {
  return {
    id,
    message: `message ${id}`,
    response: '',
    model: 'echo',
    status: 'DONE',
    cost: 100,
    hold: 100,
    // In the order of their names.
    createdAt: new Date(Date.UTC(2026, 0, 1) + id.charCodeAt(0) * 1000).toISOString(),
    replacedById: null,
    contextLeftOut: 0,
    error: null,
    ...change,
  }
}

type Event = ReplyStreamSubscription['replyStream']

export type FakeStream = { variables: Record<string, unknown>; left: boolean; sink: Sink<ReplyStreamSubscription> }

/** A socket that one plays the server of. */
export class FakeSocket implements Pick<Socket, 'on'> {
  readonly streams: FakeStream[] = []

  readonly on: Socket['on'] = (_document, variables, sink) => {
    const stream = { variables, left: false, sink: sink as unknown as FakeStream['sink'] }
    this.streams.push(stream)
    return () => {
      stream.left = true
    }
  }

  get last(): FakeStream {
    const stream = this.streams.at(-1)
    if (!stream) throw new Error('nobody subscribed')
    return stream
  }

  say(replyStream: Event): void {
    this.last.sink.next({ replyStream })
  }

  /** A part of a reply, as the server counts. */
  delta(offset: number, text: string): void {
    this.say({ __typename: 'ReplyDelta', seq: offset + Array.from(text).length, offset, text })
  }

  finish(chat: Chat): void {
    this.say({ __typename: 'ReplyFinished', chat })
  }
}

import { stringifyDocument, type TypedDocumentNode } from '@urql/core'
import { createClient, type Client } from 'graphql-ws/client'
import { Store } from '../store/store'
import { asProblem, Problem, problemOfErrors, serverUnreachable, type WireError } from './problem'
import type { TokenSource } from './tokenSource'

/** Whether events arrive: `idle` until something is subscribed to. */
export type SocketStatus = 'idle' | 'connected' | 'reconnecting'

export type Sink<T> = {
  next(value: T): void
  /** The last call, unless the subscription was ended from here. */
  done(problem: Problem | null): void
}

/** The server closes with this code when the access token or its session has ended. */
const FORBIDDEN = 4403

const MAX_RETRY_DELAY = 15_000

/** Half a second, doubled with each try, and somewhat random, so that not all browsers come back at once. */
export function retryDelay(retries: number, random: number): number {
  return Math.min(MAX_RETRY_DELAY, 500 * 2 ** retries) * (0.75 + random / 2)
}

/** All subscriptions, over one WebSocket: opens with the first, closes after the last, comes back when it breaks. */
export class Socket extends Store<SocketStatus> {
  /** For tools that speak the protocol themselves. */
  readonly client: Client
  private skipWait: () => void = () => undefined

  constructor(session: TokenSource) {
    super('idle')
    /** The token that the open socket was made with. */
    let used: string | null = null
    this.client = createClient({
      url: () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql/ws`,
      lazy: true,
      lazyCloseTimeout: 5_000,
      keepAlive: 20_000,
      connectionAckWaitTimeout: 10_000,
      retryAttempts: Infinity,
      retryWait: (retries) => this.wait(retryDelay(retries, Math.random())),
      // Everything but the end of the session passes; the codes that mean a fault of this client never get here.
      shouldRetry: (reason) => !(reason instanceof Problem),
      connectionParams: async () => {
        // Where the refresh does not reach the server, the old token is refused, and that leads to another try.
        const token = await session.freshToken().catch(() => session.accessToken)
        if (!token) throw new Problem('UNAUTHENTICATED', 'Your session has ended.')
        used = token
        return { authorization: `Bearer ${token}` }
      },
      on: {
        connected: () => this.setState('connected'),
        closed: (event) => {
          const { code } = event as CloseEvent
          this.setState(code === 1000 ? 'idle' : 'reconnecting')
          if (code === FORBIDDEN) session.refresh(used).catch(() => undefined)
        },
      },
    })
  }

  /**
   * Subscribes, and goes on over breaks: the subscription is then sent anew with what `variables` holds at that time.
   * Returns how to end it.
   */
  on<T, V extends Record<string, unknown>>(document: TypedDocumentNode<T, V>, variables: V, sink: Sink<T>): () => void {
    return this.client.subscribe<T>(
      { query: stringifyDocument(document), variables },
      {
        next: ({ data, errors }) => {
          if (data) sink.next(data)
          else if (errors) sink.done(problemOfErrors(errors))
        },
        error: (reason) => sink.done(problemOf(reason)),
        complete: () => sink.done(null),
      },
    )
  }

  /** Tries again at once. */
  readonly retryNow = (): void => this.skipWait()

  private wait(delay: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delay)
      this.skipWait = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

function problemOf(reason: unknown): Problem {
  if (Array.isArray(reason)) return problemOfErrors(reason as WireError[])
  return reason instanceof Event ? serverUnreachable() : asProblem(reason)
}

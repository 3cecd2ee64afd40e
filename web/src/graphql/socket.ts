import { stringifyDocument, type TypedDocumentNode } from '@urql/core'
import { createClient, type Client } from 'graphql-ws/client'
import { Store } from '../store/store'
import { asProblem, Problem, problemOfErrors, serverUnreachable, type WireError } from './problem'
import type { TokenSource } from './tokenSource'

/** The state of the connection: `idle` until the first subscription. */
export type SocketStatus = 'idle' | 'connected' | 'reconnecting'

/** The callbacks of a subscription. */
export type Sink<T> = {
  next(value: T): void
  /** The last call, unless the client unsubscribes. */
  done(problem: Problem | null): void
}

/** The close code for an expired access token or session. */
const FORBIDDEN = 4403

const MAX_RETRY_DELAY = 15_000

/** Exponential backoff from half a second, with jitter, so that not all browsers reconnect at once. */
export function retryDelay(retries: number, random: number): number {
  return Math.min(MAX_RETRY_DELAY, 500 * 2 ** retries) * (0.75 + random / 2)
}

/** The WebSocket of all subscriptions. Opens with the first, closes after the last, and reconnects. */
export class Socket extends Store<SocketStatus> {
  /** For tools that use graphql-ws directly. */
  readonly client: Client
  private skipWait: () => void = () => undefined

  constructor(session: TokenSource) {
    super('idle')
    /** The token that the open socket was authenticated with. */
    let used: string | null = null
    this.client = createClient({
      url: () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql/ws`,
      lazy: true,
      lazyCloseTimeout: 5_000,
      keepAlive: 20_000,
      connectionAckWaitTimeout: 10_000,
      retryAttempts: Infinity,
      retryWait: (retries) => this.wait(retryDelay(retries, Math.random())),
      // All but the end of the session is transient. Close codes that mean a bug in this client are handled by graphql-ws.
      shouldRetry: (reason) => !(reason instanceof Problem),
      connectionParams: async () => {
        // If the refresh does not reach the server, the old token is rejected, and that leads to another retry.
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
   * Subscribes, across reconnects: each sends the subscription again, with the current content of `variables`. Returns the
   * function that unsubscribes.
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

  /** Reconnects without waiting for the rest of the delay. */
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

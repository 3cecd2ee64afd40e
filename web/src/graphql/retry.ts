import { asProblem } from './problem'

/** Milliseconds before each retry. */
const WAITS = [400, 1_200, 3_000]

export type Wait = (milliseconds: number) => Promise<void>

const pause: Wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Retries requests that did not reach the server. For idempotent requests only. */
export async function withNetworkRetry<T>(work: () => Promise<T>, wait: Wait = pause): Promise<T> {
  for (const milliseconds of WAITS) {
    try {
      return await work()
    } catch (thrown) {
      if (asProblem(thrown).code !== 'NETWORK') throw thrown
    }
    await wait(milliseconds)
  }
  return await work()
}

/**
 * A request with an idempotency key. The key stays the same while the request may have been received without a response,
 * so that it is charged once; after a response, or for other content, it is a new one.
 */
export class IdempotentRequest {
  private unconfirmed: { content: string; key: string } | null = null
  private readonly newKey: () => string

  constructor(newKey: () => string = randomKey) {
    this.newKey = newKey
  }

  async run<T>(content: readonly unknown[], send: (idempotencyKey: string) => Promise<T>): Promise<T> {
    const serialized = JSON.stringify(content)
    if (this.unconfirmed?.content !== serialized) this.unconfirmed = { content: serialized, key: this.newKey() }
    const { key } = this.unconfirmed
    try {
      const result = await send(key)
      this.unconfirmed = null
      return result
    } catch (thrown) {
      if (asProblem(thrown).code !== 'NETWORK') this.unconfirmed = null
      throw thrown
    }
  }
}

/** Generates an idempotency key. `crypto.randomUUID` is missing on plain http, as on a home server. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

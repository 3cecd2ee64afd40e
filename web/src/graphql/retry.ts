import { asProblem } from './problem'

/** How long to wait before each further try. */
const WAITS = [400, 1_200, 3_000]

export type Wait = (milliseconds: number) => Promise<void>

const pause: Wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Tries again where the server was not reached. For work that does no harm when it is done twice. */
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
 * The idempotency key for what is to be sent: the same one while it may have arrived already, so that it is not paid
 * for twice; a new one once the server has answered, or when something else is to be sent.
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

/** `crypto.randomUUID` is missing on plain http, over which some will serve their home. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

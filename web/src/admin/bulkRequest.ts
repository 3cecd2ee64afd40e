import { asProblem } from '../graphql/problem'
import { randomKey } from '../graphql/retry'

/**
 * A change of many users with an idempotency key. The key stays the same after a failure, also one that the server
 * reports: part of the users may be changed, and a retry continues with the others. After a success, for other content,
 * and if nothing has happened, since other users match than were confirmed, it is a new one.
 */
export class BulkRequest {
  private unconfirmed: { content: string; key: string } | null = null

  async run<T>(content: unknown, send: (idempotencyKey: string) => Promise<T>): Promise<T> {
    const serialized = JSON.stringify(content)
    if (this.unconfirmed?.content !== serialized) this.unconfirmed = { content: serialized, key: randomKey() }
    try {
      const result = await send(this.unconfirmed.key)
      this.unconfirmed = null
      return result
    } catch (thrown) {
      if (asProblem(thrown).code === 'CONFLICT') this.unconfirmed = null
      throw thrown
    }
  }
}

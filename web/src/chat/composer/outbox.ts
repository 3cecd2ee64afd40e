import { asProblem, type Problem } from '../../graphql/problem'
import { IdempotentRequest } from '../../graphql/retry'
import { Store } from '../../store/store'

/** A message to send. */
export type OutgoingMessage = { message: string; model: string | null; idempotencyKey: string }

/** A message that waits for the end of the answer in progress. */
export type QueuedMessage = Pick<OutgoingMessage, 'message' | 'model'> & {
  /** Whether it waits for the user, since it could not be sent, or since the answer failed. */
  isHeld: boolean
}

/** Sends a message. Throws if it is rejected. */
export type Deliver = (outgoing: OutgoingMessage) => Promise<void>

export type OutboxState = { queued: QueuedMessage | null; isSending: boolean; problem: Problem | null }

/** Sends messages one at a time, and keeps one that waits for an answer. Never sends a message twice. */
export class Outbox extends Store<OutboxState> {
  private readonly request: IdempotentRequest

  constructor(request = new IdempotentRequest()) {
    super({ queued: null, isSending: false, problem: null })
    this.request = request
  }

  /** Sends a message, unless one is being sent. Returns whether the server has accepted it. */
  async send(message: string, model: string | null, deliver: Deliver): Promise<boolean> {
    if (this.state.isSending) return false
    this.patchState({ isSending: true, problem: null })
    try {
      // After a network error the key stays the same, so that a retry is not charged again.
      await this.request.run([message, model], (idempotencyKey) => deliver({ message, model, idempotencyKey }))
    } catch (thrown) {
      this.patchState({ isSending: false, problem: asProblem(thrown) })
      return false
    }
    this.patchState({ isSending: false })
    return true
  }

  /** Keeps a message until the answer in progress ends. */
  queue(message: string, model: string | null): void {
    this.patchState({ queued: { message, model, isHeld: false } })
  }

  /** Handles the end of the answer: sends the queued message, or holds it for the user if the answer failed. */
  async answerEnded(hasFailed: boolean, deliver: Deliver): Promise<void> {
    const { queued } = this.state
    if (!queued || queued.isHeld) return
    if (hasFailed) this.patchState({ queued: { ...queued, isHeld: true } })
    else await this.release(deliver)
  }

  /** Sends the queued message. It stays if it is rejected. */
  async release(deliver: Deliver): Promise<void> {
    const { queued, isSending } = this.state
    if (!queued || isSending) return
    const isAccepted = await this.send(queued.message, queued.model, async (outgoing) => {
      await deliver(outgoing)
      // With the acceptance, not after it: nothing in between can send it again.
      this.patchState({ queued: null })
    })
    if (!isAccepted) this.patchState({ queued: { ...queued, isHeld: true } })
  }

  /** Removes the queued message, unless it is being sent. Returns its text. */
  cancel(): string {
    const { queued, isSending } = this.state
    if (!queued || isSending) return ''
    this.patchState({ queued: null, problem: null })
    return queued.message
  }
}

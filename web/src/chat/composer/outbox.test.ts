import { describe, expect, it, vi } from 'vitest'
import { Problem, serverUnreachable } from '../../graphql/problem'
import { Outbox, type Deliver } from './outbox'

const accept = () => vi.fn<Deliver>().mockResolvedValue(undefined)

describe('Outbox', () => {
  it('sends a queued message when the answer ends, and only once', async () => {
    const outbox = new Outbox()
    const deliver = accept()
    outbox.queue('next', 'echo')
    // Effects of React may run again.
    await Promise.all([outbox.answerEnded(false, deliver), outbox.answerEnded(false, deliver)])
    await outbox.answerEnded(false, deliver)
    await outbox.release(deliver)
    expect(deliver).toHaveBeenCalledOnce()
    expect(deliver.mock.calls[0]?.[0]).toMatchObject({ message: 'next', model: 'echo' })
    expect(outbox.state).toEqual({ queued: null, isSending: false, problem: null })
  })

  it('holds it after a failed answer until the user sends it', async () => {
    const outbox = new Outbox()
    const deliver = accept()
    outbox.queue('next', null)
    await outbox.answerEnded(true, deliver)
    await outbox.answerEnded(false, deliver)
    expect(deliver).not.toHaveBeenCalled()
    expect(outbox.state.queued?.isHeld).toBe(true)
    await outbox.release(deliver)
    expect(deliver).toHaveBeenCalledOnce()
    expect(outbox.state.queued).toBeNull()
  })

  it('keeps a rejected message, and does not send it by itself again', async () => {
    const outbox = new Outbox()
    const deliver = vi.fn<Deliver>().mockRejectedValueOnce(new Problem('INSUFFICIENT_TOKENS', 'too few'))
    outbox.queue('next', null)
    await outbox.answerEnded(false, deliver)
    await outbox.answerEnded(false, deliver)
    expect(deliver).toHaveBeenCalledOnce()
    expect(outbox.state).toMatchObject({ queued: { message: 'next', isHeld: true }, isSending: false })
    expect(outbox.state.problem?.code).toBe('INSUFFICIENT_TOKENS')
  })

  it('retries with the same key where it is unknown whether the server received it', async () => {
    const outbox = new Outbox()
    const deliver = vi.fn<Deliver>().mockRejectedValueOnce(serverUnreachable()).mockResolvedValue(undefined)
    outbox.queue('next', null)
    await outbox.answerEnded(false, deliver)
    await outbox.release(deliver)
    const keys = deliver.mock.calls.map(([{ idempotencyKey }]) => idempotencyKey)
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
  })

  it('can be cancelled until it is being sent', async () => {
    const outbox = new Outbox()
    outbox.queue('next', null)
    expect(outbox.cancel()).toBe('next')
    const deliver = accept()
    await outbox.answerEnded(false, deliver)
    expect(deliver).not.toHaveBeenCalled()
    outbox.queue('other', null)
    const sending = outbox.answerEnded(false, deliver)
    expect(outbox.cancel()).toBe('')
    await sending
    expect(deliver).toHaveBeenCalledOnce()
  })

  it('sends one message at a time', async () => {
    const outbox = new Outbox()
    const deliver = accept()
    const both = await Promise.all([outbox.send('a', null, deliver), outbox.send('a', null, deliver)])
    expect(both).toEqual([true, false])
    expect(deliver).toHaveBeenCalledOnce()
  })
})

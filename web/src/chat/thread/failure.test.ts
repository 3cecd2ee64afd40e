import { describe, expect, it } from 'vitest'
import { fakeChat } from '../fakes'
import { describeFailure } from './failure'

describe('describeFailure', () => {
  it('states that nothing was charged', () => {
    const error = { code: 'PROVIDER_UNAVAILABLE', message: 'The model is away.' } as const
    expect(describeFailure(fakeChat('a', { status: 'FAILED', cost: 0, error }))).toBe(
      'The model is away. Nothing was charged.',
    )
  })

  it('states that a partial answer is charged', () => {
    const cut = fakeChat('a', { status: 'FAILED', cost: 3, response: 'Hel' })
    expect(describeFailure(cut)).toBe('The answer was cut off. You were charged for the part you received.')
  })

  it('does not claim that a model which was answering is unavailable', () => {
    const error = { code: 'PROVIDER_UNAVAILABLE', message: 'The language model is not available right now.' } as const
    expect(describeFailure(fakeChat('a', { status: 'FAILED', cost: 3, response: 'Hel', error }))).toBe(
      'The answer was cut off: the connection to the model was lost. You were charged for the part you received.',
    )
  })

  it('is null for a chat that did not fail', () => {
    expect(describeFailure(fakeChat('a'))).toBeNull()
    expect(describeFailure(fakeChat('a', { status: 'STOPPED' }))).toBeNull()
  })
})

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
    const broken = fakeChat('a', { status: 'FAILED', cost: 3, response: 'Hel' })
    expect(describeFailure(broken)).toContain('broke off')
    expect(describeFailure(broken)).toContain('paid for')
  })

  it('is null for a chat that did not fail', () => {
    expect(describeFailure(fakeChat('a'))).toBeNull()
    expect(describeFailure(fakeChat('a', { status: 'STOPPED' }))).toBeNull()
  })
})

import { expect, it } from 'vitest'
import { fakeChat } from '../fakes'
import { canContinue, continueMessage } from './continueMessage'

it('continues what was stopped or cut off, if there is any text', () => {
  for (const status of ['STOPPED', 'FAILED', 'INTERRUPTED'] as const) {
    expect(canContinue(fakeChat('a', { status, response: 'Hel' }))).toBe(true)
    expect(canContinue(fakeChat('a', { status }))).toBe(false)
  }
  for (const status of ['DONE', 'PENDING'] as const) {
    expect(canContinue(fakeChat('a', { status, response: 'Hello' }))).toBe(false)
  }
})

it('continues what a limit has ended, which the model has seen', () => {
  const limited = fakeChat('a', { response: 'Hel', finishReason: 'LENGTH' })
  expect(canContinue(limited)).toBe(true)
  expect(continueMessage(limited, 1_000)).toBe('Continue exactly where your answer ended.')
  expect(canContinue({ ...limited, finishReason: 'STOP' })).toBe(false)
})

it('quotes what the model does not see, as far as a message takes it', () => {
  const stopped = fakeChat('a', { status: 'STOPPED', response: 'Hel' })
  expect(continueMessage(stopped, 1_000)).toBe('Continue exactly where you stopped.')
  const cut = fakeChat('a', { status: 'FAILED', message: 'Why?', response: 'Since 🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉' })
  expect(continueMessage(cut, 1_000)).toBe(
    'Why?\n\nYour answer was cut off. Continue it exactly where it ends here:\n\nSince 🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉',
  )
  const tight = continueMessage(cut, 80) ?? ''
  expect(Array.from(tight).length).toBeLessThanOrEqual(80)
  expect(tight).toMatch(/here:\n\n🎉+$/u)
  expect(continueMessage(cut, 20)).toBeNull()
})

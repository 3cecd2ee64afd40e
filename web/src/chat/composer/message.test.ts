import { describe, expect, it } from 'vitest'
import { fakePrice } from '../../format/fakes'
import { joinTexts, submission, type ComposerState, type Submission } from './message'

const ready: ComposerState = {
  text: 'Hello',
  maxLength: 1_000,
  isSending: false,
  hasPending: false,
  hasQueued: false,
  price: fakePrice(100),
  balance: 100,
}

const refused = (reason: string | null): Submission => ({ action: 'none', reason })

it('joins texts with an empty line', () => {
  expect(joinTexts('one', ' ', 'two')).toBe('one\n\ntwo')
  expect(joinTexts('', '')).toBe('')
})

describe('submission', () => {
  it.each<[string, Partial<ComposerState>, Submission]>([
    ['the message can be sent', {}, { action: 'send' }],
    ['there is no text', { text: ' \n' }, refused(null)],
    ['the text is too long', { text: 'a'.repeat(1001) }, refused('1,001 / 1,000 characters: shorten by 1')],
    ['an answer is in progress', { hasPending: true, balance: 0 }, { action: 'queue' }],
    ['the balance is too small', { balance: 99 }, refused('A message costs 100 tokens, and you have 99.')],
    ['the price is metered', { balance: 0, price: fakePrice(0, 10_000, 30_000) }, { action: 'send' }],
    ['the price is not loaded yet', { balance: 0, price: null }, { action: 'send' }],
  ])('where %s', (_, change, expected) => {
    expect(submission({ ...ready, ...change })).toEqual(expected)
  })

  it('neither sends nor queues a second message while one waits or is being sent', () => {
    for (const change of [{ hasPending: true, hasQueued: true }, { hasQueued: true }, { isSending: true }]) {
      expect(submission({ ...ready, ...change }).action).toBe('none')
    }
  })
})

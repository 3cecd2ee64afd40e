import { describe, expect, it } from 'vitest'
import { disabledReason, messageLength, type ComposerState } from './message'

const ready: ComposerState = {
  text: 'Hello',
  isSending: false,
  hasPending: false,
  price: { perMessage: 100, per1kInput: 0, per1kOutput: 0 },
  balance: 100,
}

it('counts characters as the server does', () => {
  expect(messageLength('  🎉 é  ')).toBe(3)
})

describe('disabledReason', () => {
  it.each<[string, Partial<ComposerState>, string | null]>([
    ['the message can be sent', {}, null],
    ['there is no text', { text: ' \n' }, 'Write a message first.'],
    ['the text is too long', { text: 'a'.repeat(1001) }, 'The message is 1 character too long.'],
    ['an answer is in progress', { hasPending: true }, 'An answer is on its way. Wait for it, or stop it.'],
    ['the balance is too small', { balance: 99 }, 'A message costs 100 tokens, and you have 99.'],
    ['the price is metered', { balance: 0, price: { perMessage: 0, per1kInput: 10, per1kOutput: 30 } }, null],
    ['the price is not loaded yet', { balance: 0, price: null }, null],
  ])('where %s', (_, change, reason) => {
    expect(disabledReason({ ...ready, ...change })).toBe(reason)
  })
})

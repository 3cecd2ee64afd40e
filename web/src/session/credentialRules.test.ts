import { expect, it } from 'vitest'
import { passwordRuleLines, validatePassword, validateUsername } from './credentialRules'

const PASSWORD = { minChars: 8, maxChars: 12, texts: ['Not a common password.'] }
const USERNAME = { maxChars: 3, text: 'Letters only.' }

it('lists the rules of a password, the length first', () => {
  expect(passwordRuleLines(PASSWORD)).toEqual(['At least 8 characters.', 'Not a common password.'])
})

it('validates the length of a password as the server counts it', () => {
  expect(validatePassword(' 1234567 ', PASSWORD)).toBe('Use at least 8 characters.')
  expect(validatePassword('1234567890123', PASSWORD)).toBe('Use at most 12 characters.')
  // One character each, also in two parts.
  expect(validatePassword('🔑'.repeat(8), PASSWORD)).toBeNull()
  expect(validatePassword('e\u0301'.repeat(7), PASSWORD)).toBe('Use at least 8 characters.')
  expect(validatePassword(' ', PASSWORD)).toBe('Enter a password')
})

it('validates the length of a username', () => {
  expect([
    validateUsername(' ab ', USERNAME),
    validateUsername('abcd', USERNAME),
    validateUsername('', USERNAME),
  ]).toEqual([null, 'Use at most 3 characters.', 'Enter a username'])
})

it('leaves everything to the server without its rules', () => {
  expect([validatePassword('x', undefined), validateUsername('x'.repeat(99), undefined)]).toEqual([null, null])
})

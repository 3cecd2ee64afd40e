import { expect, it } from 'vitest'
import { LEDGER_FILTERS, reasonsOf } from './ledgerFilter'
import { validateNewPassword } from './newPassword'
import { accountPath, parseTab, TABS } from './tabs'

it('reads tabs from the address, and links to them', () => {
  for (const { value } of TABS) {
    expect(parseTab(new URL(accountPath(value), 'https://jeton.example').searchParams.get('tab'))).toBe(value)
  }
  expect([parseTab(null), parseTab('nonsense')]).toEqual(['profile', 'profile'])
})

it('refuses a new password that is the current one', () => {
  expect(validateNewPassword('', 'a')).toBe('Enter a new password')
  expect(validateNewPassword('a', 'a')).toBe('This is your current password')
  expect(validateNewPassword('b', 'a')).toBeNull()
  expect(validateNewPassword('b', 'a', { minChars: 8, maxChars: 9, texts: [] })).toBe('Use at least 8 characters.')
})

it('filters the ledger by one reason, or by several', () => {
  expect(reasonsOf('adjustment')).toEqual(['ADJUSTMENT'])
  expect(reasonsOf('credits')).toContain('SIGNUP_GRANT')
  for (const unknown of [null, '', 'nonsense', 'toString']) expect(reasonsOf(unknown)).toBeNull()
  for (const { value, label } of LEDGER_FILTERS) expect([label === '', reasonsOf(value)?.length]).not.toContain(0)
})

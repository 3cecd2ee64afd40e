import { expect, it } from 'vitest'
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
})

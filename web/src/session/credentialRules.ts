import { pluralize } from '../format/numbers'
import type { ServerRules } from './api'

type PasswordRules = ServerRules['passwordRules']
type UsernameRules = ServerRules['usernameRules']

/** The number of characters as the server counts them. */
const countChars = (text: string) => Array.from(text.trim().normalize('NFC')).length

/** Returns the rules of a new password, one sentence each. */
export function passwordRuleLines({ minChars, texts }: PasswordRules): string[] {
  return [`At least ${pluralize(minChars, 'character')}.`, ...texts]
}

/** Returns the validation error of a new password, as far as it is known here; the server rates the password. */
export function validatePassword(password: string, rules: PasswordRules | undefined): string | null {
  if (password.trim() === '') return 'Enter a password'
  if (!rules) return null
  const chars = countChars(password)
  if (chars < rules.minChars) return `Use at least ${pluralize(rules.minChars, 'character')}.`
  return chars > rules.maxChars ? `Use at most ${pluralize(rules.maxChars, 'character')}.` : null
}

/** Returns the validation error of a new username, as far as it is known here; the server checks the rest. */
export function validateUsername(username: string, rules: UsernameRules | undefined): string | null {
  if (username.trim() === '') return 'Enter a username'
  return rules && countChars(username) > rules.maxChars
    ? `Use at most ${pluralize(rules.maxChars, 'character')}.`
    : null
}

import type { ServerRules } from '../session/api'
import { validatePassword } from '../session/credentialRules'

type Rules = ServerRules['passwordRules']

/** Returns the validation error of a new password, if any. The server validates its strength. */
export function validateNewPassword(newPassword: string, current: string, rules?: Rules): string | null {
  if (newPassword === '') return 'Enter a new password'
  return newPassword === current ? 'This is your current password' : validatePassword(newPassword, rules)
}

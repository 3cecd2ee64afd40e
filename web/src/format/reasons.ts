import type { LedgerReason } from '../gql/account'

const LABELS: Record<LedgerReason, string> = {
  ACCOUNT_CLOSED: 'Account closed',
  ADJUSTMENT: 'Adjusted by an operator',
  CHAT_BROKEN_OFF: 'Answer cut off',
  CHAT_DONE: 'Answer',
  CHAT_FAILED: 'Answer failed',
  CHAT_INTERRUPTED: 'Answer interrupted',
  CHAT_STOPPED: 'Answer stopped',
  IMPORTED: 'Imported from another system',
  SIGNUP_GRANT: 'Welcome tokens',
}

/** The reasons that a filter offers, credits first. */
export const LEDGER_REASONS = Object.keys(LABELS).sort(
  (a, b) => Number(a.startsWith('CHAT')) - Number(b.startsWith('CHAT')),
) as LedgerReason[]

/** Returns the label of a ledger reason. A reason that is newer than this client is shown as it is. */
export function reasonLabel(reason: LedgerReason): string {
  return (LABELS as Partial<Record<string, string>>)[reason] ?? reason
}

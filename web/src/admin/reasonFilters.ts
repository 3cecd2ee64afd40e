import { reasonLabel } from '../format/reasons'
import type { LedgerReason } from '../gql/admin'

/** A choice of a filter: several values under one name, or one. */
type Preset<T> = { value: string; label: string; values: T[] }

const PRESETS: Preset<LedgerReason>[] = [
  { value: 'top-ups', label: 'Top-ups and corrections', values: ['ADJUSTMENT'] },
  { value: 'credits', label: 'Top-ups and welcome tokens', values: ['ADJUSTMENT', 'SIGNUP_GRANT'] },
  {
    value: 'answers',
    label: 'All answers',
    values: ['CHAT_DONE', 'CHAT_STOPPED', 'CHAT_BROKEN_OFF', 'CHAT_FAILED', 'CHAT_INTERRUPTED'],
  },
  { value: 'failures', label: 'Failed answers', values: ['CHAT_BROKEN_OFF', 'CHAT_FAILED', 'CHAT_INTERRUPTED'] },
]

const REASONS: LedgerReason[] = [
  'SIGNUP_GRANT',
  'CHAT_DONE',
  'CHAT_STOPPED',
  'CHAT_BROKEN_OFF',
  'CHAT_FAILED',
  'CHAT_INTERRUPTED',
  'ACCOUNT_CLOSED',
  'IMPORTED',
]

const SINGLE = REASONS.map((reason): Preset<LedgerReason> => ({
  value: reason.toLowerCase(),
  label: reasonLabel(reason),
  values: [reason],
}))

/** The choices of the filter of the ledger, for a select. */
export const REASON_CHOICES = [
  { group: 'Groups', items: PRESETS },
  { group: 'One reason', items: SINGLE },
]

/** Returns the reasons of a choice; null for all. */
export function reasonsOf(choice: string | null): LedgerReason[] | null {
  return [...PRESETS, ...SINGLE].find(({ value }) => value === choice)?.values ?? null
}

import { LEDGER_REASONS, reasonLabel } from '../format/reasons'
import type { LedgerReason } from '../gql/account'

/** The filters that stand for several reasons. */
const GROUPS = {
  credits: { label: 'All credits', reasons: ['SIGNUP_GRANT', 'ADJUSTMENT', 'IMPORTED'] },
  answers: {
    label: 'All answers',
    reasons: ['CHAT_DONE', 'CHAT_STOPPED', 'CHAT_BROKEN_OFF', 'CHAT_FAILED', 'CHAT_INTERRUPTED'],
  },
} satisfies Record<string, { label: string; reasons: LedgerReason[] }>

/** The options of the filter of the own ledger. An account that is closed has no page. */
export const LEDGER_FILTERS = [
  ...Object.entries(GROUPS).map(([value, { label }]) => ({ value, label })),
  ...LEDGER_REASONS.filter((reason) => reason !== 'ACCOUNT_CLOSED').map((reason) => ({
    value: reason.toLowerCase(),
    label: reasonLabel(reason),
  })),
]

/** Returns the reasons of a filter in the address; null for all of them. */
export function reasonsOf(filter: string | null): LedgerReason[] | null {
  if (filter === 'credits' || filter === 'answers') return GROUPS[filter].reasons
  const single = LEDGER_REASONS.find((reason) => reason.toLowerCase() === filter)
  return single ? [single] : null
}

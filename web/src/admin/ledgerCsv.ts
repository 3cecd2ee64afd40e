import { csv } from '../text/csv'
import type { LedgerRow } from './lists'

const HEADER = ['time', 'user', 'reason', 'amount', 'balance_after', 'note', 'actor', 'entry_id', 'user_id', 'chat_id']

/** Ledger entries for a spreadsheet: reasons by their codes, times as they are stored. */
export function ledgerCsv(entries: readonly LedgerRow[]): string {
  return csv(
    HEADER,
    entries.map(({ id, createdAt, user, reason, amount, balanceAfter, note, actor, chat }) => [
      createdAt,
      user?.username ?? null,
      reason,
      amount,
      balanceAfter,
      note,
      actor?.username ?? null,
      id,
      user?.id ?? null,
      chat?.id ?? null,
    ]),
  )
}

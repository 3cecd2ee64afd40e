import { NOT_STORED } from '../format/chats'
import { excerpt } from '../format/excerpt'
import type { ChatRow } from './lists'

/** Summarizes what the deletion of chats deletes, stops and keeps. */
export function deletionSummary(chats: readonly Pick<ChatRow, 'status'>[]): string {
  const stopped = chats.some(({ status }) => status === 'PENDING')
    ? 'Answers in progress are stopped first; what was received of them is charged. '
    : ''
  return `${stopped}The text is deleted permanently, for the author too. Charges stay in the ledger, and the audit log records who deleted it.`
}

/** Describes a chat: “Explain how a rainbow…” by mia. */
export function describeChat({ message, user }: Pick<ChatRow, 'message' | 'user'>): string {
  const what = message === '' ? NOT_STORED : `“${excerpt(message, '', 40)}”`
  return `${what} of ${user?.username ?? 'somebody'}`
}

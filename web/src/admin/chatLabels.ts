import { NOT_STORED } from '../format/chats'
import { excerpt } from '../format/excerpt'
import type { ChatRow } from './lists'

/** Summarizes what the deletion of chats deletes, stops and keeps. */
export function deletionSummary(chats: readonly Pick<ChatRow, 'status'>[]): string {
  const stopped = chats.some(({ status }) => status === 'PENDING')
    ? 'Answers on their way are stopped first, and paid for as far as they came. '
    : ''
  return `${stopped}The text goes for good, also for who wrote it. What it cost stays in the ledger, and the audit trail tells who deleted it.`
}

/** Describes a chat: “Explain how a rainbow…” of mia. */
export function describeChat({ message, user }: Pick<ChatRow, 'message' | 'user'>): string {
  const what = message === '' ? NOT_STORED : `“${excerpt(message, '', 40)}”`
  return `${what} of ${user?.username ?? 'somebody'}`
}

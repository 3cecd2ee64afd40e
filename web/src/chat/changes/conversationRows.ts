import type { ConversationsQuery } from '../../gql/chat'
import type { ConversationChange } from './changeFeed'

/** A conversation of the sidebar. */
export type ConversationRow = NonNullable<ConversationsQuery['conversations']>['nodes'][number]

/** The conversations of a list: archived ones or the others, by whether they are pinned. */
export type ConversationFilter = { archived: boolean; pinned?: boolean }

/** Returns the rows of a list after a change, most recently active first. */
export function applyToRows(
  rows: readonly ConversationRow[],
  { kind, conversationId, conversation }: ConversationChange,
  filter: ConversationFilter,
  isComplete: boolean,
): ConversationRow[] {
  if (kind === 'DELETED') return rows.filter(({ id }) => id !== conversationId)
  if (!conversation) return [...rows]
  const isActive = kind !== 'UPDATED' && kind !== 'CHAT_DELETED'
  return withRow(rows, conversation, filter, isComplete || isActive)
}

/**
 * Returns the rows of a list after a change of a conversation, which may have made it belong to another list.
 *
 * @param mayBeLast Whether all pages are loaded, or it is active now. Otherwise one that is older than the rows is
 *   among the later pages.
 */
export function withRow(
  rows: readonly ConversationRow[],
  { id, title, activeAt, pinned, archived }: ConversationRow,
  filter: ConversationFilter,
  mayBeLast: boolean,
): ConversationRow[] {
  const others = rows.filter((one) => one.id !== id)
  if (archived !== filter.archived || (filter.pinned !== undefined && pinned !== filter.pinned)) return others
  const row: ConversationRow = { id, title, activeAt, pinned, archived }
  const at = others.findIndex((one) => Date.parse(one.activeAt) < Date.parse(activeAt))
  if (at >= 0) return others.toSpliced(at, 0, row)
  return mayBeLast || others.length < rows.length ? [...others, row] : others
}

/** The chats whose answer is in progress: the ids of their conversations, by their own. */
export type RunningChats = ReadonlyMap<string, string>

/** Returns the chats whose answer is in progress after a change. */
export function applyToRunning(running: RunningChats, change: ConversationChange): RunningChats {
  const { kind, chatId, chat, conversationId } = change
  if (kind === 'DELETED') return new Map([...running].filter(([, id]) => id !== conversationId))
  if (chatId === null) return running
  const changed = new Map(running)
  if (conversationId !== null && chat?.status === 'PENDING') changed.set(chatId, conversationId)
  else changed.delete(chatId)
  return changed
}

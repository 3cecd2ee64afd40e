import type { ConversationsQuery } from '../../gql/chat'
import type { ConversationChange } from './changeFeed'

/** A conversation of the sidebar. */
export type ConversationRow = NonNullable<ConversationsQuery['conversations']>['nodes'][number]

/** Returns the rows of the sidebar after a change, most recently active first. */
export function applyToRows(rows: readonly ConversationRow[], change: ConversationChange): ConversationRow[] {
  const { kind, conversationId, conversation } = change
  if (kind === 'DELETED') return rows.filter(({ id }) => id !== conversationId)
  if (!conversation) return [...rows]
  const { id, title, activeAt } = conversation
  const row: ConversationRow = { id, title, activeAt }
  const isKnown = rows.some((one) => one.id === id)
  // One that is not loaded yet is among the later pages, unless it is active now.
  if (!isKnown && (kind === 'UPDATED' || kind === 'CHAT_DELETED')) return [...rows]
  const others = rows.filter((one) => one.id !== id)
  const at = others.findIndex((one) => Date.parse(one.activeAt) < Date.parse(activeAt))
  return at < 0 ? [...others, row] : others.toSpliced(at, 0, row)
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

import type { Chat } from '../chat'

/** A chat of the thread, with the versions that it replaces, oldest first. */
export type ThreadItem = { chat: Chat; earlier: Chat[] }

/** The chats of a conversation, as they are shown. */
export type Thread = {
  items: ThreadItem[]
  /** Chats whose replacement is deleted. */
  orphans: Chat[]
}

/** Groups chats, oldest first, into those that the model sees and the versions that they replace. */
export function buildThread(chats: readonly Chat[]): Thread {
  const byId = new Map(chats.map((chat) => [chat.id, chat]))
  const items = new Map<string, ThreadItem>()
  for (const chat of chats) {
    if (chat.replacedById === null) items.set(chat.id, { chat, earlier: [] })
  }
  const orphans: Chat[] = []
  for (const chat of chats) {
    if (chat.replacedById === null) continue
    const item = items.get(lastVersion(chat, byId))
    if (item) item.earlier.push(chat)
    else orphans.push(chat)
  }
  return { items: [...items.values()], orphans }
}

/** Returns the id of the last version: a replacement may itself be replaced. */
function lastVersion(chat: Chat, byId: ReadonlyMap<string, Chat>): string {
  let current = chat
  const seen = new Set<string>()
  while (current.replacedById !== null && !seen.has(current.id)) {
    seen.add(current.id)
    const next = byId.get(current.replacedById)
    if (!next) return current.replacedById
    current = next
  }
  return current.id
}

/** Inserts or replaces chats, oldest first. */
export function merge(chats: readonly Chat[], changes: readonly Chat[]): Chat[] {
  const byId = new Map([...chats, ...changes].map((chat) => [chat.id, chat]))
  return [...byId.values()].sort((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt))
}

/**
 * Applies what `regenerate` and `editMessage` do on the server: the new chat replaces the old one, and all later ones that
 * are not replaced yet.
 */
export function replaceFrom(chats: readonly Chat[], replacedId: string, by: Chat): Chat[] {
  const from = chats.findIndex((chat) => chat.id === replacedId)
  const marked = chats.map((chat, index) =>
    from >= 0 && index >= from && chat.replacedById === null && chat.id !== by.id
      ? { ...chat, replacedById: by.id }
      : chat,
  )
  return merge(marked, [by])
}

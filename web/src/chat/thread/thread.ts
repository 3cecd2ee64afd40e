import type { Chat } from '../chat'

/** A chat as the thread shows it, with the versions whose place it took, oldest first. */
export type ThreadItem = { chat: Chat; earlier: Chat[] }

export type Thread = {
  items: ThreadItem[]
  /** Chats that were replaced by one that is deleted since. */
  orphans: Chat[]
}

/** Orders chats, which come in any order, into what the model sees and what was replaced. Chats are oldest first. */
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

/** Follows the replacements to their end: what took the place may itself have been replaced. */
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

/** Adds chats, or puts them in place of what is known of them, oldest first. */
export function merge(chats: readonly Chat[], changes: readonly Chat[]): Chat[] {
  const byId = new Map([...chats, ...changes].map((chat) => [chat.id, chat]))
  return [...byId.values()].sort((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt))
}

/**
 * What `regenerate` and `editMessage` do on the server: the new chat takes the place of the old one, and of all that was
 * said after it and was not replaced before.
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

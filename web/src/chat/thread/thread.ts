import type { Chat } from '../chat'

/** A chat in the context of the conversation, as it is shown. */
export type ThreadItem = {
  chat: Chat
  /** The chat that a new version of this one replaces: itself, or the version that is in the context beside it. */
  target: Chat
  /** Whether a new version would replace later messages. */
  hasLater: boolean
}

/** Returns the chats that are in the context now, oldest first. Other versions can be reached from these. */
export function buildThread(chats: readonly Chat[]): ThreadItem[] {
  const context = chats.filter(({ replacedById }) => replacedById === null)
  const byId = new Map(chats.map((chat) => [chat.id, chat]))
  const items = context.map((chat) => {
    const target = versionBeside(chat, byId) ?? chat
    const from = context.indexOf(target)
    return { chat, target, hasLater: context.some((later, at) => at > from && later.id !== chat.id) }
  })
  // Of several attempts that failed, the last one.
  return items.filter(
    ({ chat, target }, index) => chat === target || !items.slice(index + 1).some((later) => later.target === target),
  )
}

/**
 * Returns the version of the same message that is in the context, too: the server returns it there when a new version
 * fails without any text. Null if there is none.
 */
function versionBeside(chat: Chat, byId: ReadonlyMap<string, Chat>): Chat | null {
  const seen = new Set([chat.id])
  let found: Chat | null = null
  let id = chat.versions?.previousId ?? null
  while (id !== null && !seen.has(id)) {
    seen.add(id)
    const version = byId.get(id)
    // Those in between have failed, too.
    if (version?.replacedById === null) found = version
    id = version?.versions?.previousId ?? null
  }
  return found
}

/** Inserts or replaces chats, oldest first. An answer that has ended stays so: the other state is an older one. */
export function merge(chats: readonly Chat[], changes: readonly Chat[]): Chat[] {
  const byId = new Map(chats.map((chat) => [chat.id, chat]))
  for (const change of changes) {
    const known = byId.get(change.id)
    if (!known || known.status === 'PENDING' || change.status !== 'PENDING') byId.set(change.id, change)
  }
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

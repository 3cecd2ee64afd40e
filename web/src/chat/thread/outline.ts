import type { ThreadOutlineQuery } from '../../gql/chat'
import type { Chat } from '../chat'

/** What may change of a chat that is loaded. */
export type ChatOutline = NonNullable<NonNullable<ThreadOutlineQuery['conversation']>['chats']>['nodes'][number]

/** The newest chats of a conversation, newest first, without their texts. */
export type Outline = {
  nodes: readonly ChatOutline[]
  /** Whether there are earlier chats. */
  hasEarlier: boolean
}

/** Returns the ids of the chats that have to be loaded: new ones, and those whose answer has ended meanwhile. */
export function chatsToLoad(chats: readonly Chat[], outline: Outline, hasEarlier: boolean): string[] {
  const known = new Map(chats.map((chat) => [chat.id, chat]))
  // Earlier ones are loaded when the user asks for them.
  const from = hasEarlier ? timeOf(chats[0]) : -Infinity
  return outline.nodes
    .filter((node) => {
      const chat = known.get(node.id)
      return chat ? chat.status === 'PENDING' && node.status !== 'PENDING' : timeOf(node) >= from
    })
    .map(({ id }) => id)
}

/**
 * Returns the loaded chats as the outline describes them, without those that are deleted. `requested` has the ids of the
 * chats that were loaded when the outline was requested: of later ones it knows nothing.
 */
export function applyOutline(chats: readonly Chat[], outline: Outline, requested: ReadonlySet<string>): Chat[] {
  const nodes = new Map(outline.nodes.map((node) => [node.id, node]))
  const from = outline.hasEarlier ? timeOf(outline.nodes.at(-1)) : -Infinity
  const isDeleted = (chat: Chat) => requested.has(chat.id) && !nodes.has(chat.id) && timeOf(chat) >= from
  return chats
    .filter((chat) => !isDeleted(chat))
    .map((chat) => {
      const node = nodes.get(chat.id)
      if (!node || isSame(chat, node)) return chat
      return { ...chat, replacedById: node.replacedById, versions: node.versions }
    })
}

function timeOf(chat: Pick<Chat, 'createdAt'> | undefined): number {
  return chat ? Date.parse(chat.createdAt) : -Infinity
}

/** The same object stays, so that it is not rendered again. */
function isSame(chat: Chat, node: ChatOutline): boolean {
  const [a, b] = [chat.versions, node.versions]
  return (
    chat.replacedById === node.replacedById &&
    a?.number === b?.number &&
    a?.count === b?.count &&
    a?.previousId === b?.previousId &&
    a?.nextId === b?.nextId
  )
}

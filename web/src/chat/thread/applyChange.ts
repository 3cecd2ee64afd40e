import type { ConversationChange } from '../changes/changeFeed'
import type { ThreadStore } from './threadStore'

/** Lets a thread show what was changed in its conversation, here or elsewhere. */
export function applyChange(store: ThreadStore, { kind, chatId, chat }: ConversationChange): void {
  switch (kind) {
    case 'DELETED':
      store.deleted()
      break
    case 'CHAT_STARTED':
      if (chatId !== null) void store.started(chatId)
      break
    case 'CHAT_REPLACED':
      // Those that it replaces are known where it was sent.
      if (chatId !== null && !store.has(chatId)) void store.refresh()
      break
    case 'CHAT_FINISHED':
      // The stream of the reply reports its end. Without any text, the versions that it replaced have returned.
      if (chatId !== null && (chat?.status !== 'DONE' || !store.has(chatId))) void store.refresh()
      break
    case 'RELOAD':
    case 'CHAT_DELETED':
    case 'VERSION_CHOSEN':
      void store.refresh()
      break
    case 'CREATED':
    case 'UPDATED':
      break
  }
}

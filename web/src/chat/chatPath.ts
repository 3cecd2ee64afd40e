/** Where a chat is to be read in its conversation; null for one that stands alone. */
export function chatPath(chat: { id: string; conversation: { id: string } | null }): string | null {
  if (!chat.conversation) return null
  return `/c/${encodeURIComponent(chat.conversation.id)}?chat=${encodeURIComponent(chat.id)}`
}

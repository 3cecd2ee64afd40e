/** Returns the path of a chat in its conversation; null for one without a conversation. */
export function chatPath(chat: { id: string; conversation: { id: string } | null }): string | null {
  if (!chat.conversation) return null
  return `/c/${encodeURIComponent(chat.conversation.id)}?chat=${encodeURIComponent(chat.id)}`
}

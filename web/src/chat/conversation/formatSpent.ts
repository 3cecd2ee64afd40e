import { formatTokens } from '../../format/prices'
import type { Chat } from '../chat'

/** Formats what the loaded chats of a conversation have cost, including replaced versions: "240 tokens in this chat". */
export function formatSpent(chats: readonly Pick<Chat, 'cost'>[], hasEarlier: boolean): string {
  const sum = chats.reduce((total, { cost }) => total + cost, 0)
  return `${hasEarlier ? 'More than ' : ''}${formatTokens(sum)} in this chat`
}

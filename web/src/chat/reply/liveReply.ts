import type { Chat } from '../chat'

/** A reply in progress. */
export type LiveReply = {
  text: string
  /** The reasoning before the text. */
  reasoning: string
  /** When the reasoning began, in milliseconds since the epoch; null without any. */
  reasoningSince: number | null
  /** How long the model reasoned before the text, in milliseconds; null until the text begins, and if it is unknown. */
  reasoningMs: number | null
}

export const NO_REPLY: LiveReply = { text: '', reasoning: '', reasoningSince: null, reasoningMs: null }

/** Returns a reply with the texts that it has at the time `now`. `chat` is as it was when its reply was followed. */
export function advance(
  live: LiveReply,
  chat: Pick<Chat, 'response' | 'firstChunkAt'>,
  texts: Pick<LiveReply, 'text' | 'reasoning'>,
  now = Date.now(),
): LiveReply {
  const reasoningSince = live.reasoningSince ?? (texts.reasoning === '' ? null : startOfReasoning(chat, now))
  const isFirstText = live.text === '' && texts.text !== ''
  // When a text began that is older than this page, the server reports at its end.
  const isMeasured = isFirstText && reasoningSince !== null && chat.response === ''
  return { ...texts, reasoningSince, reasoningMs: isMeasured ? now - reasoningSince : live.reasoningMs }
}

/** After a reload, the server knows when the first chunk came. Its clock may be ahead of this one. */
function startOfReasoning({ firstChunkAt }: Pick<Chat, 'firstChunkAt'>, now: number): number {
  return firstChunkAt === null ? now : Math.min(now, Date.parse(firstChunkAt))
}

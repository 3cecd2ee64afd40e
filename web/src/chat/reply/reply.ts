/** What has come of a reply so far. */
export type Reply = {
  text: string
  /** In Unicode characters, as the server counts. */
  length: number
  /** The position of the last part, to go on from. */
  seq: number
}

export type Delta = { seq: number; offset: number; text: string }

export const EMPTY_REPLY: Reply = { text: '', length: 0, seq: 0 }

/**
 * Puts a part behind what is there. After a reconnect parts may come twice, or begin with what is there already: such
 * text is left out. Null where something is missing in between; then the reply must be read from the start.
 */
export function append(reply: Reply, delta: Delta): Reply | null {
  if (delta.offset > reply.length) return null
  const characters = Array.from(delta.text)
  const added = characters.slice(reply.length - delta.offset)
  if (added.length === 0) return reply
  return { text: reply.text + added.join(''), length: reply.length + added.length, seq: delta.seq }
}

/** The text of a reply so far, or of the reasoning before it. */
export type Reply = {
  text: string
  /** The length in Unicode characters, as the server counts. */
  length: number
  /** The position of the last delta, to resume at. */
  seq: number
}

/** A part of a reply that starts at an offset, in Unicode characters, and ends at the position `seq`. */
export type Delta = { seq: number; offset: number; text: string }

export const EMPTY_REPLY: Reply = { text: '', length: 0, seq: 0 }

/**
 * Appends a delta. After a reconnect deltas may be duplicates, or overlap with the text so far: the overlap is omitted.
 * Null if a delta is missing; the text must then be replayed from the start.
 */
export function append(reply: Reply, delta: Delta): Reply | null {
  if (delta.offset > reply.length) return null
  const characters = Array.from(delta.text)
  const added = characters.slice(reply.length - delta.offset)
  if (added.length === 0) return reply
  return { text: reply.text + added.join(''), length: reply.length + added.length, seq: delta.seq }
}

/** The approximate maximum length of a title that is made from a message, in Unicode characters. */
const MADE_TITLE_CHARS = 60

/** Returns the title that the server makes of a message: its beginning, cut between words if possible. */
export function madeTitle(message: string): string {
  const line = message.split(/\s+/u).filter(Boolean).join(' ')
  const characters = Array.from(line)
  if (characters.length <= MADE_TITLE_CHARS) return line
  const head = characters.slice(0, MADE_TITLE_CHARS).join('')
  const end = head.lastIndexOf(' ')
  // A word that is longer than half of the title is cut.
  return `${end * 2 > head.length ? head.slice(0, end) : head}…`
}

/**
 * Returns the new title of a conversation whose first message is another one now; null if it stays: the user has named
 * it, or it is the same.
 */
export function followingTitle(title: string, before: string, after: string): string | null {
  const [made, next] = [madeTitle(before), madeTitle(after)]
  return title === made && next !== made && next !== '' ? next : null
}

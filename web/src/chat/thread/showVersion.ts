import { asProblem } from '../../graphql/problem'
import type { Chat } from '../chat'

/** The requests to the server. */
export type VersionSource = {
  /** Throws CONFLICT if no version of the message is in the context. */
  choose(id: string): Promise<void>
  chat(id: string): Promise<Chat | null>
}

/** The maximum number of versions that lie on one another. */
const MAX_DEPTH = 20

/** Chooses the versions that bring a chat into the context: its own, and those of earlier messages that it lies on. */
export async function showVersion(id: string, source: VersionSource, depth = 0): Promise<void> {
  try {
    await source.choose(id)
    return
  } catch (thrown) {
    if (asProblem(thrown).code !== 'CONFLICT' || depth >= MAX_DEPTH) throw thrown
    const continued = await continuedVersion(id, source)
    if (continued === null) throw thrown
    await showVersion(continued, source, depth + 1)
  }
  // It has returned with that one, unless another version of it was the last one there.
  await source.choose(id)
}

/**
 * Returns the id of the version that a replaced chat continues, which is what has to be chosen first; null if that is
 * deleted. A chat names the one that took its place: the version that it continues, if that is older; otherwise a newer
 * version of the one that it continues.
 */
async function continuedVersion(id: string, source: VersionSource): Promise<string | null> {
  const chat = await source.chat(id)
  const byId = chat?.replacedById ?? null
  const by = byId === null || byId === id ? null : await source.chat(byId)
  if (!chat || !by) return null
  if (isOlder(by, chat)) return by.id
  let version: Chat | null = by
  for (let count = by.versions?.count ?? 0; count > 0; count--) {
    const previous: string | null = version?.versions?.previousId ?? null
    version = previous === null ? null : await source.chat(previous)
    // A newer version of the same message: both continue the same one.
    if (version?.id === id) return continuedVersion(by.id, source)
    if (version?.replacedById === by.id && isOlder(version, chat)) return version.id
  }
  return null
}

function isOlder(a: Chat, b: Chat): boolean {
  return Date.parse(a.createdAt) < Date.parse(b.createdAt)
}

import type { Storage as GraphiqlStorage } from '@graphiql/toolkit'

/** Keeps what GraphiQL stores in memory only: queries and headers hold secrets, and other people may use this browser. */
export function memoryStorage(): GraphiqlStorage {
  const values = new Map<string, string>()
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
    clear: () => values.clear(),
    get length() {
      return values.size
    },
  }
}

/** Removes what earlier versions of this client left in the browser's storage. */
export function clearStored(storage: () => Storage): void {
  try {
    const stored = storage()
    const keys = Array.from({ length: stored.length }, (_, index) => stored.key(index))
    for (const key of keys) {
      if (key?.startsWith('graphiql:')) stored.removeItem(key)
    }
  } catch {
    // The browser denies access to its storage, so nothing was stored either.
  }
}

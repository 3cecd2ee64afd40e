import type { Storage as GraphiqlStorage } from '@graphiql/toolkit'

/** Creates a storage in memory for GraphiQL: queries and headers contain secrets, and browsers are shared. */
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

/** Removes the data that earlier versions of this client kept in the browser's storage. */
export function clearStored(storage: () => Storage): void {
  try {
    const stored = storage()
    const keys = Array.from({ length: stored.length }, (_, index) => stored.key(index))
    for (const key of keys) {
      if (key?.startsWith('graphiql:')) stored.removeItem(key)
    }
  } catch {
    // Storage is blocked, so nothing was stored.
  }
}

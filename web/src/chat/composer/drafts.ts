const PREFIX = 'jeton:draft:'

/** Milliseconds after which a draft is removed. */
const MAX_AGE = 30 * 86_400_000

type StoredDraft = { text: string; at: number }

/**
 * The drafts of messages, by conversation. In the local storage, so that they survive a reload; in memory if that is
 * blocked. Removed at the end of the session, and when another user logs in, since browsers are shared.
 */
export class Drafts {
  private userId: string | null = null
  private readonly memory = new Map<string, string>()
  private readonly storage: () => Storage

  constructor(storage: () => Storage = () => localStorage) {
    this.storage = storage
  }

  /** Sets the user whose drafts these are. Removes those of other users, and old ones. */
  belongTo(userId: string): void {
    if (userId === this.userId) return
    this.memory.clear()
    this.userId = userId
    const now = Date.now()
    this.removeStored((name, value) => !name.startsWith(this.nameOf('')) || now - (parse(value)?.at ?? 0) > MAX_AGE)
  }

  get size(): number {
    return this.memory.size
  }

  get(key: string): string | undefined {
    if (this.userId !== null) {
      try {
        // Other tabs write it, too.
        return parse(this.storage().getItem(this.nameOf(key)))?.text
      } catch {
        // Blocked: see below.
      }
    }
    return this.memory.get(key)
  }

  set(key: string, text: string): void {
    if (text === '') {
      this.delete(key)
      return
    }
    this.memory.set(key, text)
    if (this.userId === null) return
    try {
      this.storage().setItem(this.nameOf(key), JSON.stringify({ text, at: Date.now() } satisfies StoredDraft))
    } catch {
      // Blocked or full: it is in memory.
    }
  }

  delete(key: string): void {
    this.memory.delete(key)
    try {
      if (this.userId !== null) this.storage().removeItem(this.nameOf(key))
    } catch {
      // Blocked: nothing was stored.
    }
  }

  /** Removes the drafts of all users. */
  clear(): void {
    this.memory.clear()
    this.removeStored(() => true)
  }

  private nameOf(key: string): string {
    return `${PREFIX}${this.userId ?? ''}:${key}`
  }

  private removeStored(isRemoved: (name: string, value: string | null) => boolean): void {
    try {
      const storage = this.storage()
      const names = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '')
      for (const name of names) {
        if (name.startsWith(PREFIX) && isRemoved(name, storage.getItem(name))) storage.removeItem(name)
      }
    } catch {
      // Blocked: nothing was stored.
    }
  }
}

function parse(stored: string | null): StoredDraft | null {
  if (stored === null) return null
  try {
    const { text, at } = JSON.parse(stored) as Partial<StoredDraft>
    return typeof text === 'string' && typeof at === 'number' ? { text, at } : null
  } catch {
    return null
  }
}

export const drafts = new Drafts()

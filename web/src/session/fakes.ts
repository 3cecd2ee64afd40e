import type { Credentials } from './api'
import type { Clock } from './session'
import type { TabMessage, Tabs } from './tabs'

/** A clock that stands still until `advance`. */
export class FakeClock implements Clock {
  private time = 0
  private timers: { at: number; work: () => void }[] = []

  now(): number {
    return this.time
  }

  after(delay: number, work: () => void): () => void {
    const timer = { at: this.time + delay, work }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((one) => one !== timer)
    }
  }

  /** Advances the time, and runs all timers that are due, with their consequences. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds
    for (;;) {
      await settle()
      const next = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.timers = this.timers.filter((one) => one !== next)
      this.time = Math.max(this.time, next.at)
      next.work()
    }
    this.time = end
  }
}

/** Runs the continuations of settled promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

/** A browser whose tabs share a channel and a lock. */
export class FakeBrowser {
  private readonly listeners = new Map<object, (message: TabMessage) => void>()
  private last: Promise<unknown> = Promise.resolve()

  tab(): Tabs {
    const self = {}
    return {
      send: (message) => {
        for (const [tab, listener] of this.listeners) {
          if (tab !== self) queueMicrotask(() => listener(message))
        }
      },
      listen: (listener) => void this.listeners.set(self, listener),
      exclusively: (work) => {
        const result = this.last.then(work)
        this.last = result.catch(() => undefined)
        return result
      },
    }
  }
}

/** Creates an access token with a lifetime in seconds. */
export function fakeToken(name: string, seconds: number, iat = 1_000): string {
  const payload = btoa(JSON.stringify({ iat, exp: iat + seconds, name }))
  return `header.${payload.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}.signature`
}

export function fakeCredentials(accessToken: string, username = 'mia'): Credentials {
  return {
    accessToken,
    user: {
      id: username,
      username,
      isStaff: false,
      isSuperuser: false,
      createdAt: '2026-01-01T00:00:00Z',
      lastLoginAt: null,
      balance: { tokens: 4000, held: 0 },
    },
  }
}

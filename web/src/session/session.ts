import type { ViewerFragment } from '../gql/session'
import type { TokenSource } from '../graphql/tokenSource'
import { Store } from '../store/store'
import type { Credentials } from './api'
import { delayUntil, refreshAt } from './jwt'
import type { Tabs } from './tabs'

export type SessionState =
  /** It is not known yet whether somebody is logged in. */
  | { phase: 'starting' }
  /** The server did not answer that question. */
  | { phase: 'unreachable' }
  | { phase: 'out'; reason: 'never' | 'left' | 'ended' }
  | { phase: 'in'; user: ViewerFragment }

export type SessionApi = {
  refresh(): Promise<Credentials | null>
  logout(token: string): Promise<void>
  logoutEverywhere(token: string): Promise<void>
}

export type Clock = {
  now(): number
  after(delay: number, work: () => void): () => void
}

/**
 * Loads the page anew after the session of a user, so that nothing of them is left in memory for the next one. Who ended
 * it on purpose starts from the beginning; the user whose session ran out may come back to where they were.
 */
export type LeavePage = (left: { userId: string; reason: 'left' | 'ended' }) => void

/** After a refresh that did not reach the server. */
const TRY_AGAIN = 15_000

/**
 * Who is logged in, and the access token that proves it. The token lives in this object only; the refresh token lives
 * in a cookie that scripts cannot read.
 *
 * Refresh tokens rotate, and one that is used twice ends the session. So tabs refresh one after another, and a tab that
 * waited takes the token that the one before it got.
 */
export class Session extends Store<SessionState> implements TokenSource {
  private token: string | null = null
  private due = Infinity
  private cancelTimer: () => void = () => undefined
  private refreshing: Promise<string | null> | null = null
  private readonly api: SessionApi
  private readonly tabs: Tabs
  private readonly clock: Clock
  private readonly leavePage: LeavePage

  constructor(api: SessionApi, tabs: Tabs, clock: Clock, leavePage: LeavePage) {
    super({ phase: 'starting' })
    this.api = api
    this.tabs = tabs
    this.clock = clock
    this.leavePage = leavePage
    tabs.listen((message) => {
      if (message.type === 'fresh') this.take(message)
      else this.drop('left')
    })
  }

  /** Finds out who is logged in, silently. */
  async start(): Promise<void> {
    if (this.state.phase === 'unreachable') this.setState({ phase: 'starting' })
    await this.refresh().catch(() => {
      if (this.state.phase === 'starting') this.setState({ phase: 'unreachable' })
    })
  }

  /** The token to send, as it is. */
  get accessToken(): string | null {
    return this.token
  }

  /** Whether the token ends soon, or has ended. */
  get isStale(): boolean {
    return this.token !== null && this.clock.now() >= this.due
  }

  /** A token that is not about to end; null where nobody is logged in. Throws where the server is not reached. */
  async freshToken(): Promise<string | null> {
    return this.isStale ? await this.refresh() : this.token
  }

  /**
   * Gets a new access token; null where the session has ended. Throws where the server is not reached.
   *
   * To be called with the token that was refused, so that nothing is done where another one has come since.
   */
  async refresh(refused: string | null = this.token): Promise<string | null> {
    if (refused !== this.token) return this.token
    this.refreshing ??= this.tabs
      .alone(async () => {
        // What the tab before this one had to tell may still be on its way.
        await new Promise<void>((resolve) => this.clock.after(0, resolve))
        if (this.token !== refused && this.token !== null) return this.token
        const credentials = await this.api.refresh()
        if (credentials) this.accept(credentials)
        else this.end('ended')
        return this.token
      })
      .finally(() => {
        this.refreshing = null
      })
    return await this.refreshing
  }

  /** Takes what a log-in gave, and tells the other tabs. */
  accept(credentials: Credentials): void {
    this.take(credentials)
    this.tabs.tell({ type: 'fresh', ...credentials })
  }

  /** Takes a new token for the same user, as a changed password gives. */
  acceptToken(accessToken: string): void {
    if (this.state.phase === 'in') this.accept({ accessToken, user: this.state.user })
  }

  /** Throws where the server is not reached: the session goes on then. */
  async logOut(where: 'here' | 'everywhere' = 'here'): Promise<void> {
    const token = await this.freshToken()
    if (token) await (where === 'here' ? this.api.logout(token) : this.api.logoutEverywhere(token))
    this.end('left')
  }

  /** The session is over: the server says so, or the account is gone. */
  end(reason: 'left' | 'ended'): void {
    const known = this.state.phase === 'in'
    this.drop(reason)
    if (known) this.tabs.tell({ type: 'out' })
  }

  private take({ accessToken, user }: Credentials): void {
    // Another user has logged in with this browser. The page that is loaded now finds them by the cookie.
    if (this.state.phase === 'in' && this.state.user.id !== user.id) {
      this.drop('left')
      return
    }
    this.token = accessToken
    this.due = refreshAt(accessToken, this.clock.now()) ?? Infinity
    this.wake()
    this.setState({ phase: 'in', user })
  }

  private drop(reason: 'left' | 'ended'): void {
    const before = this.state
    this.cancelTimer()
    this.token = null
    this.due = Infinity
    if (before.phase !== 'out') this.setState({ phase: 'out', reason: before.phase === 'in' ? reason : 'never' })
    if (before.phase === 'in') this.leavePage({ userId: before.user.id, reason })
  }

  /** Sets the timer for the next refresh. */
  private wake(delay = delayUntil(this.due, this.clock.now())): void {
    this.cancelTimer()
    if (this.due === Infinity) return
    this.cancelTimer = this.clock.after(delay, () => {
      if (!this.isStale) this.wake()
      else this.refresh().catch(() => this.wake(TRY_AGAIN))
    })
  }
}

export const browserClock: Clock = {
  now: () => Date.now(),
  after: (delay, work) => {
    const timer = setTimeout(work, delay)
    return () => clearTimeout(timer)
  },
}

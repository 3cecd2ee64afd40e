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
  | { phase: 'loggedOut'; reason: 'never' | 'logout' | 'expired' }
  | { phase: 'loggedIn'; user: ViewerFragment }

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
export type LeavePage = (left: { userId: string; reason: 'logout' | 'expired' }) => void

/** After a refresh that did not reach the server. */
const RETRY_DELAY = 15_000

/**
 * Who is logged in, and the access token that proves it. The token lives in this object only; the refresh token lives
 * in a cookie that scripts cannot read.
 *
 * Refresh tokens rotate, and one that is used twice ends the session. So tabs refresh one after another, and a tab that
 * waited takes the token that the one before it got.
 */
export class Session extends Store<SessionState> implements TokenSource {
  private token: string | null = null
  private refreshDue = Infinity
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
      if (message.type === 'fresh') this.apply(message)
      else this.clear('logout')
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
    return this.token !== null && this.clock.now() >= this.refreshDue
  }

  /** A token that is not about to end; null where nobody is logged in. Throws where the server is not reached. */
  async freshToken(): Promise<string | null> {
    return this.isStale ? await this.refresh() : this.token
  }

  /**
   * Gets a new access token; null where the session has ended. Throws where the server is not reached.
   *
   * To be called with the token that was rejected, so that nothing is done where another one has come since.
   */
  async refresh(rejected: string | null = this.token): Promise<string | null> {
    if (rejected !== this.token) return this.token
    this.refreshing ??= this.tabs
      .exclusively(async () => {
        // What the tab before this one had to send may still be on its way.
        await new Promise<void>((resolve) => this.clock.after(0, resolve))
        if (this.token !== rejected && this.token !== null) return this.token
        const credentials = await this.api.refresh()
        if (credentials) this.accept(credentials)
        else this.end('expired')
        return this.token
      })
      .finally(() => {
        this.refreshing = null
      })
    return await this.refreshing
  }

  /** Takes what a log-in gave, and tells the other tabs. */
  accept(credentials: Credentials): void {
    this.apply(credentials)
    this.tabs.send({ type: 'fresh', ...credentials })
  }

  /** Takes a new token for the same user, as a changed password gives. */
  acceptToken(accessToken: string): void {
    if (this.state.phase === 'loggedIn') this.accept({ accessToken, user: this.state.user })
  }

  /** Throws where the server is not reached: the session goes on then. */
  async logOut(where: 'here' | 'everywhere' = 'here'): Promise<void> {
    const token = await this.freshToken()
    if (token) await (where === 'here' ? this.api.logout(token) : this.api.logoutEverywhere(token))
    this.end('logout')
  }

  /** The session is over: the server says so, or the account is gone. */
  end(reason: 'logout' | 'expired'): void {
    const known = this.state.phase === 'loggedIn'
    this.clear(reason)
    if (known) this.tabs.send({ type: 'out' })
  }

  private apply({ accessToken, user }: Credentials): void {
    // Another user has logged in with this browser. The page that is loaded now finds them by the cookie.
    if (this.state.phase === 'loggedIn' && this.state.user.id !== user.id) {
      this.clear('logout')
      return
    }
    this.token = accessToken
    this.refreshDue = refreshAt(accessToken, this.clock.now()) ?? Infinity
    this.scheduleRefresh()
    this.setState({ phase: 'loggedIn', user })
  }

  private clear(reason: 'logout' | 'expired'): void {
    const before = this.state
    this.cancelTimer()
    this.token = null
    this.refreshDue = Infinity
    if (before.phase !== 'loggedOut') this.setState({ phase: 'loggedOut', reason: before.phase === 'loggedIn' ? reason : 'never' })
    if (before.phase === 'loggedIn') this.leavePage({ userId: before.user.id, reason })
  }

  /** Sets the timer for the next refresh. */
  private scheduleRefresh(delay = delayUntil(this.refreshDue, this.clock.now())): void {
    this.cancelTimer()
    if (this.refreshDue === Infinity) return
    this.cancelTimer = this.clock.after(delay, () => {
      if (!this.isStale) this.scheduleRefresh()
      else this.refresh().catch(() => this.scheduleRefresh(RETRY_DELAY))
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

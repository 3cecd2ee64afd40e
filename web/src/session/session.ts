import type { ViewerFragment } from '../gql/session'
import type { TokenSource } from '../graphql/tokenSource'
import { Store } from '../store/store'
import type { Credentials } from './api'
import { delayUntil, refreshAt } from './jwt'
import type { Tabs } from './tabs'

/** Why a session has ended. */
export type EndReason = 'logout' | 'expired' | 'deleted'

/** The state of the session. */
export type SessionState =
  /** The first refresh is in flight. */
  | { phase: 'starting' }
  /** The first refresh did not reach the server. */
  | { phase: 'unreachable' }
  | { phase: 'loggedOut'; reason: 'never' | EndReason }
  | { phase: 'loggedIn'; user: ViewerFragment }

/** The requests of a session. */
export type SessionApi = {
  refresh(): Promise<Credentials | null>
  logout(token: string): Promise<void>
  logoutEverywhere(token: string): Promise<void>
}

/** A source of time and timers. */
export type Clock = {
  now(): number
  after(delay: number, work: () => void): () => void
}

/**
 * Reloads the page after the session of a user, so that the next one finds nothing in memory. A user whose session has
 * expired may return to the same page; one who logged out or deleted the account starts over.
 */
export type LeavePage = (ended: { userId: string; reason: EndReason }) => void

/** Milliseconds until the retry of a refresh that did not reach the server. */
const RETRY_DELAY = 15_000

/**
 * The session: the logged-in user and their access token. The access token is in memory only, the refresh token in an
 * HttpOnly cookie.
 *
 * Refresh tokens rotate, and the reuse of one ends the session. So tabs refresh one after another, and a tab that waited
 * uses the token that the one before it received.
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

  /** Logs in by the cookie, if it is valid. */
  async start(): Promise<void> {
    if (this.state.phase === 'unreachable') this.setState({ phase: 'starting' })
    await this.refresh().catch(() => {
      if (this.state.phase === 'starting') this.setState({ phase: 'unreachable' })
    })
  }

  /** The current token, which may be about to expire. */
  get accessToken(): string | null {
    return this.token
  }

  /** Whether the token expires soon, or has expired. */
  get isStale(): boolean {
    return this.token !== null && this.clock.now() >= this.refreshDue
  }

  /** Returns a token that is not about to expire; null if logged out. Throws if the server is unreachable. */
  async freshToken(): Promise<string | null> {
    return this.isStale ? await this.refresh() : this.token
  }

  /**
   * Requests a new access token; returns null if the session has expired. Throws if the server is unreachable. Does nothing
   * if the rejected token has been replaced since.
   */
  async refresh(rejected: string | null = this.token): Promise<string | null> {
    if (rejected !== this.token) return this.token
    this.refreshing ??= this.tabs
      .exclusively(async () => {
        // The message of the tab before this one may still be in flight.
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

  /** Sets the credentials of a log-in, also in the other tabs. */
  accept(credentials: Credentials): void {
    this.apply(credentials)
    this.tabs.send({ type: 'fresh', ...credentials })
  }

  /** Sets a new token of the same user, as after a change of the password. */
  acceptToken(accessToken: string): void {
    if (this.state.phase === 'loggedIn') this.accept({ accessToken, user: this.state.user })
  }

  /** Logs out. Throws if the server is unreachable; the session then continues. */
  async logOut(where: 'here' | 'everywhere' = 'here'): Promise<void> {
    const token = await this.freshToken()
    if (token) await (where === 'here' ? this.api.logout(token) : this.api.logoutEverywhere(token))
    this.end('logout')
  }

  /** Ends the session in all tabs: it has expired, or the account is deleted. */
  end(reason: EndReason): void {
    const wasLoggedIn = this.state.phase === 'loggedIn'
    this.clear(reason)
    if (wasLoggedIn) this.tabs.send({ type: 'out' })
  }

  private apply({ accessToken, user }: Credentials): void {
    // Another user has logged in in this browser. The reloaded page logs in as them by the cookie.
    if (this.state.phase === 'loggedIn' && this.state.user.id !== user.id) {
      this.clear('logout')
      return
    }
    this.token = accessToken
    this.refreshDue = refreshAt(accessToken, this.clock.now()) ?? Infinity
    this.scheduleRefresh()
    this.setState({ phase: 'loggedIn', user })
  }

  private clear(reason: EndReason): void {
    const before = this.state
    this.cancelTimer()
    this.token = null
    this.refreshDue = Infinity
    if (before.phase !== 'loggedOut')
      this.setState({ phase: 'loggedOut', reason: before.phase === 'loggedIn' ? reason : 'never' })
    if (before.phase === 'loggedIn') this.leavePage({ userId: before.user.id, reason })
  }

  /** Sets the timer of the next refresh. */
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

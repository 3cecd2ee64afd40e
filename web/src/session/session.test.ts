import { describe, expect, it, vi } from 'vitest'
import { serverUnreachable } from '../graphql/problem'
import type { Credentials } from './api'
import { FakeBrowser, FakeClock, fakeCredentials, fakeToken } from './fakes'
import { Session, type LeavePage } from './session'

/** A server with single-use refresh tokens. */
class FakeServer {
  refreshes = 0
  isDown = false
  hasSession = true
  lifetime = 600
  readonly logouts: string[] = []

  readonly api = {
    refresh: async (): Promise<Credentials | null> => {
      await Promise.resolve()
      if (this.isDown) throw serverUnreachable()
      if (!this.hasSession) return null
      return fakeCredentials(fakeToken(`token ${++this.refreshes}`, this.lifetime))
    },
    logout: (token: string) => {
      this.logouts.push(token)
      return this.isDown ? Promise.reject(serverUnreachable()) : Promise.resolve()
    },
    logoutEverywhere: (token: string) => this.api.logout(token),
  }
}

async function open(count: number) {
  const server = new FakeServer()
  const browser = new FakeBrowser()
  const clock = new FakeClock()
  const leavePage = vi.fn<LeavePage>()
  const tabs = Array.from({ length: count }, () => new Session(server.api, browser.tab(), clock, leavePage))
  for (const tab of tabs) void tab.start()
  await clock.advance(10)
  return { server, clock, browser, leavePage, tabs: tabs as [Session, Session] }
}

describe('Session.start', () => {
  it('logs in by a valid cookie', async () => {
    const { tabs } = await open(1)
    expect(tabs[0].state).toMatchObject({ phase: 'loggedIn', user: { username: 'mia' } })
  })

  it('is logged out without a session', async () => {
    const server = new FakeServer()
    server.hasSession = false
    const clock = new FakeClock()
    const session = new Session(server.api, new FakeBrowser().tab(), clock, vi.fn())
    void session.start()
    await clock.advance(10)
    expect(session.state).toEqual({ phase: 'loggedOut', reason: 'never' })
  })

  it('reports an unreachable server, and starts once it is reachable', async () => {
    const server = new FakeServer()
    server.isDown = true
    const clock = new FakeClock()
    const session = new Session(server.api, new FakeBrowser().tab(), clock, vi.fn())
    void session.start()
    await clock.advance(10)
    expect(session.state.phase).toBe('unreachable')

    server.isDown = false
    void session.start()
    await clock.advance(10)
    expect(session.state.phase).toBe('loggedIn')
  })
})

describe('tabs', () => {
  it('refresh once if they start together, and share the token', async () => {
    const { server, tabs } = await open(2)
    expect(server.refreshes).toBe(1)
    expect(tabs[0].accessToken).toBe(tabs[1].accessToken)
  })

  it('refresh once if their tokens expire together', async () => {
    const { server, clock, tabs } = await open(2)
    await clock.advance(541_000)
    expect(server.refreshes).toBe(2)
    expect(tabs[0].accessToken).toBe(tabs[1].accessToken)
  })

  it('are all logged out when one is', async () => {
    const { tabs, clock } = await open(2)
    await tabs[0].logOut()
    await clock.advance(1)
    expect(tabs[1].state).toEqual({ phase: 'loggedOut', reason: 'logout' })
    expect(tabs[1].accessToken).toBeNull()
  })

  it('are all logged in when one is', async () => {
    const { tabs, clock } = await open(2)
    tabs[0].end('logout')
    await clock.advance(1)
    tabs[1].accept(fakeCredentials(fakeToken('of tom', 600), 'tom'))
    await clock.advance(1)
    expect(tabs[0].state).toMatchObject({ phase: 'loggedIn', user: { username: 'tom' } })
  })
})

describe('Session.refresh', () => {
  it('runs a minute before the token expires', async () => {
    const { server, clock } = await open(1)
    await clock.advance(539_000)
    expect(server.refreshes).toBe(1)
    await clock.advance(2_000)
    expect(server.refreshes).toBe(2)
  })

  it('runs once for concurrent calls', async () => {
    const { server, clock, tabs } = await open(1)
    const asked = Promise.all([tabs[0].refresh(), tabs[0].refresh(), tabs[0].refresh()])
    await clock.advance(1)
    expect(new Set(await asked).size).toBe(1)
    expect(server.refreshes).toBe(2)
  })

  it('is skipped if the token has been replaced since', async () => {
    const { server, tabs } = await open(1)
    expect(await tabs[0].refresh('an older token')).toBe(tabs[0].accessToken)
    expect(server.refreshes).toBe(1)
  })

  it('retries while the server is down, and keeps the session', async () => {
    const { server, clock, tabs } = await open(1)
    server.isDown = true
    await clock.advance(560_000)
    expect(tabs[0].state.phase).toBe('loggedIn')
    server.isDown = false
    await clock.advance(15_000)
    expect(server.refreshes).toBe(2)
    expect(tabs[0].isStale).toBe(false)
  })

  it('ends the session if the server reports that it has expired', async () => {
    const { server, clock, tabs } = await open(2)
    server.hasSession = false
    await clock.advance(541_000)
    expect(tabs.map((tab) => tab.state.phase)).toEqual(['loggedOut', 'loggedOut'])
    expect(tabs.map((tab) => tab.state)).toContainEqual({ phase: 'loggedOut', reason: 'expired' })
  })
})

describe('Session.logOut', () => {
  it('fails if the server is unreachable, since the cookie would still be valid', async () => {
    const { server, tabs } = await open(1)
    server.isDown = true
    await expect(tabs[0].logOut()).rejects.toThrow('can’t be reached')
    expect(tabs[0].state.phase).toBe('loggedIn')
  })

  it('notifies listeners', async () => {
    const { tabs } = await open(1)
    const listener = vi.fn()
    tabs[0].subscribe(listener)
    await tabs[0].logOut('everywhere')
    expect(listener).toHaveBeenCalledOnce()
  })
})

describe('the page is reloaded', () => {
  it('in every tab, when a user logs out', async () => {
    const { tabs, clock, leavePage } = await open(2)
    await tabs[0].logOut()
    await clock.advance(1)
    const ended = { userId: 'mia', reason: 'logout' }
    expect(leavePage.mock.calls).toEqual([[ended], [ended]])
  })

  it('when the session has expired, and the account is deleted', async () => {
    const { tabs, server, clock, leavePage } = await open(1)
    server.hasSession = false
    await clock.advance(541_000)
    expect(leavePage.mock.calls).toEqual([[{ userId: 'mia', reason: 'expired' }]])
    tabs[0].end('logout')
    expect(leavePage).toHaveBeenCalledOnce()
  })

  it('when another user logs in in another tab, whose name is not shown above the data of the first', async () => {
    const { browser, tabs, clock, leavePage } = await open(1)
    browser.tab().send({ type: 'fresh', ...fakeCredentials(fakeToken('of tom', 600), 'tom') })
    await clock.advance(1)
    expect(leavePage.mock.calls).toEqual([[{ userId: 'mia', reason: 'logout' }]])
    expect(tabs[0].state.phase).toBe('loggedOut')
    expect(tabs[0].accessToken).toBeNull()
  })

  it('when the cookie belongs to another user', async () => {
    const { server, clock, leavePage } = await open(1)
    server.api.refresh = () => Promise.resolve(fakeCredentials(fakeToken('of tom', 600), 'tom'))
    await clock.advance(541_000)
    expect(leavePage.mock.calls).toEqual([[{ userId: 'mia', reason: 'logout' }]])
  })

  it('not for a new token of the same user, and not without a session at the start', async () => {
    const { server, tabs, clock, leavePage } = await open(1)
    await clock.advance(541_000)
    tabs[0].acceptToken(fakeToken('after a new password', 600))
    expect(server.refreshes).toBe(2)
    expect(leavePage).not.toHaveBeenCalled()
  })
})

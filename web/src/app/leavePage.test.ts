import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { drafts } from '../chat/composer/drafts'
import { returnTo } from '../login/returnTo'
import { leavePage, onLeave, restoreReturnTo } from './leavePage'

const page = { pathname: '/c/1', search: '?chat=2', replace: vi.fn<(url: string) => void>() }
const replaceState = vi.fn<(state: { usr: unknown }, unused: string) => void>()
const removed: string[] = []

beforeEach(() => {
  const stored = new Map<string, string>()
  vi.stubGlobal('window', new EventTarget())
  vi.stubGlobal('location', page)
  vi.stubGlobal('history', { replaceState })
  vi.stubGlobal('localStorage', {
    length: 1,
    key: () => 'graphiql:query',
    removeItem: (key: string) => removed.push(key),
  })
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
    removeItem: (key: string) => stored.delete(key),
  })
  page.pathname = '/c/1'
  drafts.set('new', 'not sent')
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.clearAllMocks()
  drafts.clear()
})

it('clears all data of a user who logs out', () => {
  const cleanup = vi.fn()
  onLeave(cleanup)
  leavePage({ userId: 'mia', reason: 'logout' })
  expect(cleanup).toHaveBeenCalledOnce()
  expect(drafts.size).toBe(0)
  expect(removed).toEqual(['graphiql:query'])
  expect(page.replace).toHaveBeenCalledExactlyOnceWith('/login')
  page.pathname = '/login'
  restoreReturnTo()
  expect(replaceState).not.toHaveBeenCalled()
})

it('tells on the log-in page that the account is deleted, and returns nowhere', () => {
  leavePage({ userId: 'mia', reason: 'deleted' })
  page.pathname = '/login'
  restoreReturnTo()
  expect(returnTo(replaceState.mock.calls[0]?.[0].usr)).toEqual({ path: '/', ended: false, deleted: true })
})

it('returns only the same user to the page on which a session expired, and only once', () => {
  leavePage({ userId: 'mia', reason: 'expired' })
  expect(page.replace).toHaveBeenCalledExactlyOnceWith('/login')
  page.pathname = '/login'
  restoreReturnTo()
  const usr = replaceState.mock.calls[0]?.[0].usr
  expect(returnTo(usr)).toEqual({ path: '/c/1?chat=2', ended: true, deleted: false })
  expect(returnTo(usr, 'mia').path).toBe('/c/1?chat=2')
  expect(returnTo(usr, 'tom').path).toBe('/')
  restoreReturnTo()
  expect(replaceState).toHaveBeenCalledOnce()
})

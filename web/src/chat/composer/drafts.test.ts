import { describe, expect, it, vi } from 'vitest'
import { fakeStorage } from '../fakes'
import { Drafts } from './drafts'

function setUp() {
  const storage = fakeStorage()
  const drafts = new Drafts(() => storage)
  drafts.belongTo('mia')
  return { storage, drafts }
}

describe('Drafts', () => {
  it('survive a reload, by conversation', () => {
    const { storage, drafts } = setUp()
    drafts.set('new', 'one')
    drafts.set('c1', 'two')
    drafts.set('c1', '')
    const reloaded = new Drafts(() => storage)
    reloaded.belongTo('mia')
    expect(reloaded.get('new')).toBe('one')
    expect(reloaded.get('c1')).toBeUndefined()
  })

  it('are those of one user', () => {
    const { storage, drafts } = setUp()
    drafts.set('new', 'a secret')
    const other = new Drafts(() => storage)
    other.belongTo('tom')
    expect(other.get('new')).toBeUndefined()
    expect(storage.length).toBe(0)
  })

  it('are removed at the end of the session, and nothing else is', () => {
    const { storage, drafts } = setUp()
    storage.setItem('theme', 'dark')
    drafts.set('new', 'one')
    drafts.clear()
    expect(drafts.get('new')).toBeUndefined()
    expect(storage.getItem('theme')).toBe('dark')
    expect(storage.length).toBe(1)
  })

  it('are removed after a month', () => {
    vi.useFakeTimers({ now: 0 })
    const { storage, drafts } = setUp()
    drafts.set('new', 'one')
    vi.setSystemTime(31 * 86_400_000)
    new Drafts(() => storage).belongTo('mia')
    expect(storage.length).toBe(0)
    vi.useRealTimers()
  })

  it('are in memory where the storage is blocked', () => {
    const drafts = new Drafts(() => {
      throw new Error('blocked')
    })
    drafts.belongTo('mia')
    drafts.set('new', 'one')
    expect(drafts.get('new')).toBe('one')
    drafts.delete('new')
    expect(drafts.get('new')).toBeUndefined()
  })
})

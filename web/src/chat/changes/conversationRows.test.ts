import { describe, expect, it } from 'vitest'
import { fakeChange } from '../fakes'
import type { ConversationChange } from './changeFeed'
import { applyToRows, applyToRunning, withRow, type ConversationRow } from './conversationRows'

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, minute * 60)).toISOString()
const row = (id: string, minute: number, title = id): ConversationRow => ({
  id,
  title,
  activeAt: at(minute),
  pinned: false,
  archived: false,
})
const conversation = (id: string, minute: number, title = id) => ({
  ...row(id, minute, title),
  model: null,
  systemPrompt: null,
})
const rows = [row('c', 3), row('b', 2), row('a', 1)]
const UNPINNED = { archived: false, pinned: false }
const apply = (change: ConversationChange, isComplete = false) => applyToRows(rows, change, UNPINNED, isComplete)
const ids = (list: { id: string }[]) => list.map(({ id }) => id).join('')

describe('applyToRows', () => {
  it('has a conversation that was created or continued elsewhere, in its place', () => {
    for (const kind of ['CREATED', 'CHAT_STARTED', 'CHAT_REPLACED'] as const) {
      expect(ids(apply(fakeChange(kind, { conversation: conversation('d', 4) })))).toBe('dcba')
      expect(ids(apply(fakeChange(kind, { conversation: conversation('a', 5) })))).toBe('acb')
    }
    // Before a later event of another one.
    expect(ids(apply(fakeChange('CREATED', { conversation: conversation('x', 2.5) })))).toBe('cxba')
  })

  it('has the new title', () => {
    const renamed = apply(fakeChange('UPDATED', { conversation: conversation('b', 2, 'New') }))
    expect(renamed.map(({ title }) => title)).toEqual(['c', 'New', 'a'])
  })

  it('leaves those of later pages where they are', () => {
    expect(apply(fakeChange('UPDATED', { conversation: conversation('z', 0) }))).toEqual(rows)
  })

  it('has pinned and archived ones in their own lists', () => {
    for (const change of [{ pinned: true }, { archived: true }]) {
      const changed = fakeChange('UPDATED', { conversation: { ...conversation('b', 2), ...change } })
      expect(ids(apply(changed))).toBe('ca')
      expect(ids(applyToRows([row('x', 9)], changed, { archived: false, pinned: true }, true))).toBe(
        change.pinned ? 'xb' : 'x',
      )
      expect(ids(applyToRows([], changed, { archived: true }, true))).toBe(change.archived ? 'b' : '')
    }
    const isBack = row('b', 2.5)
    expect(ids(withRow([row('c', 3), row('a', 1)], isBack, UNPINNED, false))).toBe('cba')
    // Older than what is loaded: at the end if nothing is missing there.
    expect(ids(withRow([row('c', 3)], isBack, UNPINNED, false))).toBe('c')
    expect(ids(withRow([row('c', 3)], isBack, UNPINNED, true))).toBe('cb')
  })

  it('forgets deleted ones, and ignores chats without a conversation', () => {
    expect(ids(apply(fakeChange('DELETED', { conversationId: 'b' })))).toBe('ca')
    expect(apply(fakeChange('CHAT_STARTED', { chatId: 'alone' }))).toEqual(rows)
  })
})

describe('applyToRunning', () => {
  const started = fakeChange('CHAT_STARTED', {
    conversationId: 'b',
    chatId: 'x',
    chat: { id: 'x', status: 'PENDING' },
  })
  const running = applyToRunning(new Map(), started)

  it('has the conversation until the answer ends', () => {
    expect([...running.values()]).toEqual(['b'])
    const finished = fakeChange('CHAT_FINISHED', { ...started, chat: { id: 'x', status: 'DONE' } })
    expect(applyToRunning(running, finished).size).toBe(0)
  })

  it('does not wait for an answer that is over, or deleted, by the time of the event', () => {
    const late = { ...started, chat: { id: 'x', status: 'DONE' } as const }
    expect(applyToRunning(new Map(), late).size).toBe(0)
    expect(applyToRunning(running, { ...started, kind: 'CHAT_DELETED', chat: null }).size).toBe(0)
    expect(applyToRunning(running, fakeChange('DELETED', { conversationId: 'b' })).size).toBe(0)
    expect(applyToRunning(running, fakeChange('DELETED', { conversationId: 'a' })).size).toBe(1)
  })
})

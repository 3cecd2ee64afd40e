import { describe, expect, it } from 'vitest'
import { fakeChat } from '../fakes'
import { applyOutline, chatsToLoad, type Outline } from './outline'

const outline = (ids: string, hasEarlier = false): Outline => ({
  nodes: Array.from(ids, (id) => fakeChat(id)).reverse(),
  hasEarlier,
})
const chats = (ids: string) => Array.from(ids, (id) => fakeChat(id))
const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id).join('')
const requested = (of: string) => new Set(Array.from(of))

describe('chatsToLoad', () => {
  it('has the new chats, and not those before what is loaded', () => {
    expect(chatsToLoad(chats('cd'), outline('abcde', true), true)).toEqual(['e'])
    expect(chatsToLoad(chats('cd'), outline('bcde'), false)).toEqual(['e', 'b'])
  })

  it('has those whose answer has ended', () => {
    const known = [fakeChat('a'), fakeChat('b', { status: 'PENDING' })]
    expect(chatsToLoad(known, outline('ab'), false)).toEqual(['b'])
  })
})

describe('applyOutline', () => {
  it('removes deleted chats, but none that it does not cover', () => {
    expect(ids(applyOutline(chats('bcd'), outline('bd'), requested('bcd')))).toBe('bd')
    expect(ids(applyOutline(chats('abcd'), outline('bd', true), requested('abcd')))).toBe('abd')
    // Sent after the request.
    expect(ids(applyOutline(chats('abe'), outline('ab'), requested('ab')))).toBe('abe')
  })

  it('changes what is different, and keeps the same object otherwise', () => {
    const known = chats('ab')
    const versions = { number: 1, count: 2, previousId: null, nextId: 'b' }
    const changed = applyOutline(
      known,
      { nodes: [fakeChat('b'), fakeChat('a', { replacedById: 'b', versions })], hasEarlier: false },
      requested('ab'),
    )
    expect(changed[0]).toMatchObject({ replacedById: 'b', versions })
    expect(changed[1]).toBe(known[1])
  })
})

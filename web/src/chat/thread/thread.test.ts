import { describe, expect, it } from 'vitest'
import { fakeChat } from '../fakes'
import { buildThread, merge, replaceFrom } from './thread'

function shape(chats: Parameters<typeof buildThread>[0]) {
  const { items, orphans } = buildThread(chats)
  return {
    items: items.map(({ chat, earlier }) => [chat.id, ...earlier.map(({ id }) => id)]),
    orphans: orphans.map(({ id }) => id),
  }
}

describe('buildThread', () => {
  it('lists chats that are not replaced', () => {
    expect(shape([fakeChat('a'), fakeChat('b')])).toEqual({ items: [['a'], ['b']], orphans: [] })
  })

  it('groups replaced chats under their replacement', () => {
    const chats = [
      fakeChat('a'),
      fakeChat('b', { replacedById: 'd' }),
      fakeChat('c', { replacedById: 'd' }),
      fakeChat('d'),
    ]
    expect(shape(chats)).toEqual({ items: [['a'], ['d', 'b', 'c']], orphans: [] })
  })

  it('follows chains of replacements', () => {
    const chats = [fakeChat('a', { replacedById: 'b' }), fakeChat('b', { replacedById: 'c' }), fakeChat('c')]
    expect(shape(chats)).toEqual({ items: [['c', 'a', 'b']], orphans: [] })
  })

  it('keeps chats whose replacement is deleted', () => {
    const chats = [fakeChat('a', { replacedById: 'x' }), fakeChat('b')]
    expect(shape(chats)).toEqual({ items: [['b']], orphans: ['a'] })
  })

  it('tolerates a circle of replacements', () => {
    const chats = [fakeChat('a', { replacedById: 'b' }), fakeChat('b', { replacedById: 'a' })]
    expect(shape(chats)).toEqual({ items: [], orphans: ['a', 'b'] })
  })
})

describe('merge', () => {
  it('orders by time, and replaces older versions', () => {
    const chats = merge([fakeChat('b', { status: 'PENDING' })], [fakeChat('b'), fakeChat('a')])
    expect(chats.map(({ id, status }) => [id, status])).toEqual([
      ['a', 'DONE'],
      ['b', 'DONE'],
    ])
  })
})

describe('replaceFrom', () => {
  it('replaces the chat and all later ones, and keeps older replacements', () => {
    const before = [fakeChat('a'), fakeChat('b', { replacedById: 'c' }), fakeChat('c'), fakeChat('d')]
    const after = replaceFrom(before, 'c', fakeChat('e', { status: 'PENDING' }))
    expect(after.map(({ id, replacedById }) => [id, replacedById])).toEqual([
      ['a', null],
      ['b', 'c'],
      ['c', 'e'],
      ['d', 'e'],
      ['e', null],
    ])
    expect(shape(after).items).toEqual([['a'], ['e', 'b', 'c', 'd']])
  })
})

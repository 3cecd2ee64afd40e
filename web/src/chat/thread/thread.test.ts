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
  it('shows what was not replaced', () => {
    expect(shape([fakeChat('a'), fakeChat('b')])).toEqual({ items: [['a'], ['b']], orphans: [] })
  })

  it('folds replaced chats into what took their place', () => {
    const chats = [
      fakeChat('a'),
      fakeChat('b', { replacedById: 'd' }),
      fakeChat('c', { replacedById: 'd' }),
      fakeChat('d'),
    ]
    expect(shape(chats)).toEqual({ items: [['a'], ['d', 'b', 'c']], orphans: [] })
  })

  it('follows replacements of replacements', () => {
    const chats = [fakeChat('a', { replacedById: 'b' }), fakeChat('b', { replacedById: 'c' }), fakeChat('c')]
    expect(shape(chats)).toEqual({ items: [['c', 'a', 'b']], orphans: [] })
  })

  it('keeps what was replaced by a chat that is deleted since', () => {
    const chats = [fakeChat('a', { replacedById: 'x' }), fakeChat('b')]
    expect(shape(chats)).toEqual({ items: [['b']], orphans: ['a'] })
  })

  it('survives chats that replace each other', () => {
    const chats = [fakeChat('a', { replacedById: 'b' }), fakeChat('b', { replacedById: 'a' })]
    expect(shape(chats)).toEqual({ items: [], orphans: ['a', 'b'] })
  })
})

describe('merge', () => {
  it('orders by time, and takes what is newer', () => {
    const chats = merge([fakeChat('b', { status: 'PENDING' })], [fakeChat('b'), fakeChat('a')])
    expect(chats.map(({ id, status }) => [id, status])).toEqual([
      ['a', 'DONE'],
      ['b', 'DONE'],
    ])
  })
})

describe('replaceFrom', () => {
  it('sets aside the chat and all after it, and leaves older replacements as they are', () => {
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

import { describe, expect, it } from 'vitest'
import { fakeChat } from '../fakes'
import { buildThread, merge, replaceFrom } from './thread'

const versions = (number: number, previousId: string | null = null) => ({ number, count: 3, previousId, nextId: null })

function shape(chats: Parameters<typeof buildThread>[0]) {
  return buildThread(chats).map(({ chat, target, hasLater }) => [chat.id, target.id, hasLater])
}

describe('buildThread', () => {
  it('lists chats that are not replaced', () => {
    const chats = [fakeChat('a'), fakeChat('b', { replacedById: 'c' }), fakeChat('c', { versions: versions(2, 'b') })]
    expect(shape(chats)).toEqual([
      ['a', 'a', true],
      ['c', 'c', false],
    ])
  })

  it('lets a failed version replace the one that has returned', () => {
    const chats = [
      fakeChat('a', { versions: versions(1), replacedById: 'x' }),
      fakeChat('b', { versions: versions(2, 'a') }),
      fakeChat('c', { versions: versions(3, 'b') }),
    ]
    expect(shape(chats)).toEqual([
      ['b', 'b', true],
      ['c', 'b', false],
    ])
    expect(shape([...chats, fakeChat('d')]).slice(1)).toEqual([
      ['c', 'b', true],
      ['d', 'd', false],
    ])
  })

  it('shows the last one of several attempts that failed', () => {
    const chats = [
      fakeChat('a', { versions: versions(1) }),
      fakeChat('b', { versions: versions(2, 'a') }),
      fakeChat('c', { versions: versions(3, 'b') }),
    ]
    expect(shape(chats)).toEqual([
      ['a', 'a', true],
      ['c', 'a', true],
    ])
  })

  it('tolerates a circle, and versions that are not loaded', () => {
    const chats = [
      fakeChat('a', { versions: versions(1, 'b'), replacedById: 'x' }),
      fakeChat('b', { versions: versions(2, 'a'), replacedById: 'x' }),
      fakeChat('c', { versions: versions(3, 'b') }),
      fakeChat('d', { versions: versions(2, 'unknown') }),
    ]
    expect(shape(chats).map(([id, target]) => [id, target])).toEqual([
      ['c', 'c'],
      ['d', 'd'],
    ])
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

it('keeps the end of an answer, if an older state arrives later', () => {
  const chats = merge([fakeChat('a', { status: 'STOPPED' })], [fakeChat('a', { status: 'PENDING' })])
  expect(chats[0]?.status).toBe('STOPPED')
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
  })
})

import { expect, it } from 'vitest'
import { Problem } from '../../graphql/problem'
import type { Chat } from '../chat'
import { fakeChat } from '../fakes'
import { showVersion } from './showVersion'

/** A server on which these versions can be chosen after another one. */
function fakeServer(chats: Chat[], after: Record<string, string | null>) {
  const chosen: string[] = []
  return {
    chosen,
    choose: (id: string) => {
      const first = after[id]
      if (first !== null && first !== undefined && !chosen.includes(first))
        return Promise.reject(new Problem('CONFLICT', 'Choose a version of an earlier one first.'))
      chosen.push(id)
      return Promise.resolve()
    },
    chat: (id: string) => Promise.resolve(chats.find((chat) => chat.id === id) ?? null),
  }
}

it('chooses a version of a message that is in the context', async () => {
  const server = fakeServer([], {})
  await showVersion('b', server)
  expect(server.chosen).toEqual(['b'])
})

it('chooses the older version first that a chat continues', async () => {
  // "d" and "f" follow "b", for which "a" was chosen.
  const chats = [
    fakeChat('a'),
    fakeChat('b', { replacedById: 'a' }),
    fakeChat('d', { replacedById: 'b' }),
    fakeChat('f', { replacedById: 'b' }),
  ]
  const server = fakeServer(chats, { f: 'b' })
  await showVersion('f', server)
  expect(server.chosen).toEqual(['b', 'f'])
})

it('finds the version that a newer one has replaced together with what follows it', async () => {
  // "c" follows "b"; "e" is the third version, made from "b".
  const chats = [
    fakeChat('a', { replacedById: 'b', versions: { number: 1, count: 3, previousId: null, nextId: 'b' } }),
    fakeChat('b', { replacedById: 'e', versions: { number: 2, count: 3, previousId: 'a', nextId: 'e' } }),
    fakeChat('c', { replacedById: 'e' }),
    fakeChat('e', { replacedById: 'x', versions: { number: 3, count: 3, previousId: 'b', nextId: null } }),
  ]
  const server = fakeServer(chats, { c: 'b', b: null })
  await showVersion('c', server)
  expect(server.chosen).toEqual(['b', 'c'])
})

it('finds what all versions of a message continue', async () => {
  // "c" follows "b", which "d" replaced; "e" is another version of the first message.
  const first = { number: 1, count: 2, previousId: null }
  const second = { number: 2, count: 2, nextId: null }
  const chats = [
    fakeChat('a', { replacedById: 'e', versions: { ...first, nextId: 'e' } }),
    fakeChat('b', { replacedById: 'd', versions: { ...first, nextId: 'd' } }),
    fakeChat('c', { replacedById: 'd' }),
    fakeChat('d', { replacedById: 'e', versions: { ...second, previousId: 'b' } }),
    fakeChat('e', { versions: { ...second, previousId: 'a' } }),
  ]
  const server = fakeServer(chats, { c: 'b', b: 'a' })
  await showVersion('c', server)
  expect(server.chosen).toEqual(['a', 'b', 'c'])
})

it('reports the conflict where nothing can be chosen', async () => {
  const chats = [fakeChat('a', { replacedById: 'a' }), fakeChat('b', { replacedById: 'deleted' })]
  for (const id of ['a', 'b']) {
    const server = fakeServer(chats, { [id]: 'never' })
    await expect(showVersion(id, server)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(server.chosen).toEqual([])
  }
})

it('reports other problems at once', async () => {
  const source = {
    choose: () => Promise.reject(new Problem('NOT_FOUND', 'No such chat.')),
    chat: () => Promise.reject(new Error('not asked')),
  }
  await expect(showVersion('a', source)).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

import { expect, it } from 'vitest'
import { clearStored, memoryStorage } from './storage'

/** A minimal `Storage` in memory. */
function browserStorage(values: Record<string, string>): Storage {
  const map = new Map(Object.entries(values))
  return {
    get length() {
      return map.size
    },
    key: (index) => [...map.keys()][index] ?? null,
    getItem: (key) => map.get(key) ?? null,
    setItem: (key, value) => void map.set(key, value),
    removeItem: (key) => void map.delete(key),
    clear: () => map.clear(),
  }
}

it('keeps the data of GraphiQL for one page only', () => {
  const first = memoryStorage()
  first.setItem('graphiql:query', '{ me { username } }')
  expect(first.getItem('graphiql:query')).toBe('{ me { username } }')
  expect(first.length).toBe(1)
  expect(memoryStorage().getItem('graphiql:query')).toBeNull()
  first.clear()
  expect(first.length).toBe(0)
})

it('removes the stored data of GraphiQL, and no other', () => {
  const stored = browserStorage({
    'graphiql:queries': 'secret',
    'mantine-color-scheme-value': 'dark',
    'graphiql:tabState': 'secret',
    'graphiql:headers': 'secret',
  })
  clearStored(() => stored)
  expect(stored.length).toBe(1)
  expect(stored.getItem('mantine-color-scheme-value')).toBe('dark')
})

it('tolerates a browser that blocks its storage', () => {
  const denied = () => {
    throw new DOMException('denied', 'SecurityError')
  }
  expect(() => clearStored(denied)).not.toThrow()
})

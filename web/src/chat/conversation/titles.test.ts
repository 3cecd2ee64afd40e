import { expect, it } from 'vitest'
import { followingTitle, madeTitle } from './titles'

// As in the tests of the server.
it('makes the title that the server makes', () => {
  expect(madeTitle('  What is\n the capital? ')).toBe('What is the capital?')
  expect(madeTitle('word '.repeat(30))).toBe(`${'word '.repeat(12).trimEnd()}…`)
  expect(madeTitle('語'.repeat(100))).toBe(`${'語'.repeat(60)}…`)
})

it('follows the first message, unless the user has named the conversation', () => {
  expect(followingTitle('slow tell me', 'slow tell  me', 'A table')).toBe('A table')
  expect(followingTitle('My title', 'slow tell me', 'A table')).toBeNull()
  expect(followingTitle('same', 'same', ' same ')).toBeNull()
})

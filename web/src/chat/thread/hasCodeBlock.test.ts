import { expect, it } from 'vitest'
import { hasCodeBlock } from './hasCodeBlock'

it.each([
  ['why?\n```js\nx = 1\n```', true],
  ['~~~\nx\n~~~', true],
  ['say `code` and **bold**', false],
  ['not at the start of a line: ```', false],
])('finds blocks of code in %j: %s', (message, expected) => {
  expect(hasCodeBlock(message)).toBe(expected)
})

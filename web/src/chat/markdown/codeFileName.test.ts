import { expect, it } from 'vitest'
import { codeFileName } from './codeFileName'

it.each([
  ['python', 'code.py'],
  ['Rust', 'code.rs'],
  ['json', 'code.json'],
  ['c++', 'code.txt'],
  ['../x', 'code.txt'],
  ['toString', 'code.tostring'],
  [null, 'code.txt'],
])('names a file of %s', (language, expected) => {
  expect(codeFileName(language)).toBe(expected)
})

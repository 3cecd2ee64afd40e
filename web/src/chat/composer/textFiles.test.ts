import { describe, expect, it } from 'vitest'
import { readTextFile } from './textFiles'

const file = (content: BlobPart, name = 'notes.txt') => new File([content], name)

describe('readTextFile', () => {
  it('returns the text of a file', async () => {
    expect(await readTextFile(file('one\r\ntwo é'), '', 1_000)).toEqual({ text: 'one\ntwo é' })
  })

  it('has no limit until it is known', async () => {
    const long = 'a'.repeat(100_000)
    expect(await readTextFile(file(long), '', Infinity)).toEqual({ text: long })
  })

  it.each([
    [
      'an image',
      file(new Uint8Array([0x89, 0x50, 0x4e, 0x47]), 'photo.png'),
      'photo.png is not a text file. Other files are not supported yet.',
    ],
    ['a file with zeros', file('a\0b'), 'notes.txt is not a text file. Other files are not supported yet.'],
    ['an empty file', file(' \n'), 'notes.txt is empty.'],
    ['a long file', file('é'.repeat(999)), 'notes.txt is too long to insert: 1,001 / 1,000 characters.'],
    ['a huge file', file('a'.repeat(100_000)), 'notes.txt is too long to insert: a message takes 1,000 characters.'],
  ])('refuses %s', async (_, given, problem) => {
    expect(await readTextFile(given, 'me', 1_000)).toEqual({ problem })
  })
})

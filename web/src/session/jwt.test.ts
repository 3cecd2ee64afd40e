import { describe, expect, it } from 'vitest'
import { fakeToken } from './fakes'
import { delayUntil, refreshAt } from './jwt'

describe('refreshAt', () => {
  it('is a minute before the token expires', () => {
    expect(refreshAt(fakeToken('a', 3600), 5_000)).toBe(5_000 + 3_540_000)
  })

  it('is halfway for a short lifetime', () => {
    expect(refreshAt(fakeToken('a', 60), 0)).toBe(30_000)
  })

  it('counts from now, independent of the clock of the server', () => {
    const now = 1_700_000_000_000
    expect(refreshAt(fakeToken('a', 600, 42), now)).toBe(now + 540_000)
  })

  it('decodes base64url', () => {
    expect(refreshAt(fakeToken('???>>>~~~', 600), 0)).toBe(540_000)
  })

  it.each(['', 'opaque', 'a.b.c', `a.${btoa('{}')}.c`, `a.${btoa('null')}.c`])('is unknown for %j', (token) => {
    expect(refreshAt(token, 0)).toBeNull()
  })
})

describe('delayUntil', () => {
  it('is between 0 and the maximum of a timer', () => {
    expect(delayUntil(10, 20)).toBe(0)
    expect(delayUntil(30, 20)).toBe(10)
    expect(delayUntil(Number.MAX_SAFE_INTEGER, 0)).toBe(2 ** 31 - 1)
  })
})

import { describe, expect, it } from 'vitest'
import { append, EMPTY_REPLY, type Delta, type Reply } from './reply'

function assemble(...deltas: Delta[]): Reply | null {
  return deltas.reduce<Reply | null>((reply, delta) => reply && append(reply, delta), EMPTY_REPLY)
}

describe('append', () => {
  it('appends deltas', () => {
    const reply = assemble({ seq: 3, offset: 0, text: 'Hel' }, { seq: 5, offset: 3, text: 'lo' })
    expect(reply).toEqual({ text: 'Hello', length: 5, seq: 5 })
  })

  it('counts characters, not UTF-16 units', () => {
    const reply = assemble({ seq: 2, offset: 0, text: '🎉!' }, { seq: 4, offset: 2, text: '🪙?' })
    expect(reply).toEqual({ text: '🎉!🪙?', length: 4, seq: 4 })
  })

  it('ignores a duplicate delta', () => {
    const reply = assemble({ seq: 2, offset: 0, text: 'ab' }, { seq: 2, offset: 0, text: 'ab' })
    expect(reply).toEqual({ text: 'ab', length: 2, seq: 2 })
  })

  it('omits the overlap of a longer delta', () => {
    const reply = assemble({ seq: 2, offset: 0, text: '🎉b' }, { seq: 4, offset: 0, text: '🎉bcd' })
    expect(reply?.text).toBe('🎉bcd')
  })

  it('detects a missing delta', () => {
    expect(append(EMPTY_REPLY, { seq: 5, offset: 3, text: 'lo' })).toBeNull()
  })
})

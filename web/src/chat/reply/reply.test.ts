import { describe, expect, it } from 'vitest'
import { append, EMPTY_REPLY, type Delta, type Reply } from './reply'

function assemble(...deltas: Delta[]): Reply | null {
  return deltas.reduce<Reply | null>((reply, delta) => reply && append(reply, delta), EMPTY_REPLY)
}

describe('append', () => {
  it('puts parts behind each other', () => {
    const reply = assemble({ seq: 3, offset: 0, text: 'Hel' }, { seq: 5, offset: 3, text: 'lo' })
    expect(reply).toEqual({ text: 'Hello', length: 5, seq: 5 })
  })

  it('counts characters, not the units of UTF-16', () => {
    const reply = assemble({ seq: 2, offset: 0, text: '🎉!' }, { seq: 4, offset: 2, text: '🪙?' })
    expect(reply).toEqual({ text: '🎉!🪙?', length: 4, seq: 4 })
  })

  it('takes a part once that comes twice', () => {
    const reply = assemble({ seq: 2, offset: 0, text: 'ab' }, { seq: 2, offset: 0, text: 'ab' })
    expect(reply).toEqual({ text: 'ab', length: 2, seq: 2 })
  })

  it('leaves out of a longer part what is there already', () => {
    const reply = assemble({ seq: 2, offset: 0, text: '🎉b' }, { seq: 4, offset: 0, text: '🎉bcd' })
    expect(reply?.text).toBe('🎉bcd')
  })

  it('tells that something is missing', () => {
    expect(append(EMPTY_REPLY, { seq: 5, offset: 3, text: 'lo' })).toBeNull()
  })
})

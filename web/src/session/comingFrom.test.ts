import { expect, it } from 'vitest'
import { comingFrom } from './comingFrom'

it('leads back to pages of this site only', () => {
  expect(comingFrom({ from: '/c/1?chat=2', ended: true })).toEqual({ path: '/c/1?chat=2', ended: true })
  for (const state of [null, 'x', {}, { from: 1 }, { from: 'https://example.org' }, { from: '//example.org' }]) {
    expect(comingFrom(state)).toEqual({ path: '/', ended: false })
  }
})

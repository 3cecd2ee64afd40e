import { expect, it } from 'vitest'
import { returnTo } from './returnTo'

it('returns to pages of this site only', () => {
  expect(returnTo({ from: '/c/1?chat=2', ended: true })).toEqual({
    path: '/c/1?chat=2',
    ended: true,
    deleted: false,
  })
  for (const state of [null, 'x', {}, { from: 1 }, { from: 'https://example.org' }, { from: '//example.org' }]) {
    expect(returnTo(state)).toEqual({ path: '/', ended: false, deleted: false })
  }
})

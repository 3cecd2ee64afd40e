import { expect, it, vi } from 'vitest'
import { Problem } from './problem'
import { withSmallerPages } from './smallerPages'

const tooLarge = new Problem('PAYLOAD_TOO_LARGE', 'The response is too large.')

it('loads fewer elements if they are too large together', async () => {
  const load = vi.fn((first: number) => (first > 2 ? Promise.reject(tooLarge) : Promise.resolve(first)))
  expect(await withSmallerPages(50, load)).toBe(2)
  expect(load.mock.calls.flat()).toEqual([50, 10, 2])
})

it('fails if one element is too large, and for other reasons', async () => {
  await expect(withSmallerPages(50, () => Promise.reject(tooLarge))).rejects.toBe(tooLarge)
  const load = vi.fn(() => Promise.reject(new Problem('NOT_FOUND', 'No such conversation.')))
  await expect(withSmallerPages(50, load)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(load).toHaveBeenCalledOnce()
})

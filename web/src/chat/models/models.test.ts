import { expect, it } from 'vitest'
import { firstAvailable, isMetered, priceOf, type Model } from './useModels'

const price = { perMessage: 100, per1kInput: 0, per1kOutput: 0 }
const models: Model[] = [
  { name: 'big', default: false, price },
  { name: 'small', default: true, price: { perMessage: 0, per1kInput: 10, per1kOutput: 30 } },
]

it('selects the first model that exists, or the default', () => {
  expect(firstAvailable(models, 'removed', 'big', 'small')).toBe('big')
  expect(firstAvailable(models, null, 'removed')).toBe('small')
  expect(firstAvailable([], 'big')).toBeNull()
})

it('has the price of a model, and whether it is metered', () => {
  expect(priceOf(models, 'big')).toEqual(price)
  expect(priceOf(models, 'removed')).toBeNull()
  expect(isMetered(priceOf(models, 'big'))).toBe(false)
  expect(isMetered(priceOf(models, 'small'))).toBe(true)
  expect(isMetered(null)).toBe(false)
})

import { expect, it } from 'vitest'
import { matchesModel } from './matchesModel'
import { firstAvailable, isMetered, priceOf, titleOf, type Model } from './useModels'

const price = { perMessage: 100, per1kInput: 0, per1kOutput: 0 }
const models: Model[] = [
  { name: 'big', title: 'Big One', description: 'For hard questions.', default: false, maxOutput: 1024, price },
  {
    name: 'small',
    title: 'small',
    description: null,
    default: true,
    maxOutput: 1024,
    price: { perMessage: 0, per1kInput: 10, per1kOutput: 30 },
  },
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

it('finds models by words of their title, name or description', () => {
  const found = (search: string) => models.filter((model) => matchesModel(model, search)).map(({ name }) => name)
  expect(found('')).toEqual(['big', 'small'])
  expect(found('HARD one')).toEqual(['big'])
  expect(found('small')).toEqual(['small'])
  expect(found('big small')).toEqual([])
})

it('has the title of a model, and the name of one that was removed', () => {
  expect(titleOf(models, 'big')).toBe('Big One')
  expect(titleOf(models, 'removed')).toBe('removed')
})

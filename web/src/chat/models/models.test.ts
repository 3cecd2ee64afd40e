import { expect, it } from 'vitest'
import { fakePrice } from '../../format/fakes'
import { matchesModel } from './matchesModel'
import { firstAvailable, missingNames, priceOf, titleOf, unite, type Model } from './useModels'

const price = fakePrice(100)
const models: Model[] = [
  { name: 'big', title: 'Big One', description: 'For hard questions.', default: false, maxOutput: 1024, price },
  {
    name: 'small',
    title: 'small',
    description: null,
    default: true,
    maxOutput: 1024,
    price: fakePrice(0, 10_000, 30_000),
  },
]

it('selects the first model that exists, or the default', () => {
  expect(firstAvailable(models, 'removed', 'big', 'small')).toBe('big')
  expect(firstAvailable(models, null, 'removed')).toBe('small')
  expect(firstAvailable([], 'big')).toBeNull()
})

it('has the price of a model', () => {
  expect(priceOf(models, 'big')).toEqual(price)
  expect(priceOf(models, 'removed')).toBeNull()
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

it('unites the first models of a large catalog with others, by name', () => {
  const [big, small] = models as [Model, Model]
  const middle = { ...big, name: 'middle' }
  expect(unite(models, [big])).toBe(models)
  expect(unite(models, [{ ...big, title: 'of an earlier time' }, middle, { ...middle, title: 'now' }])).toEqual([
    big,
    { ...middle, title: 'now' },
    small,
  ])
  expect(missingNames(['small', null, 'z', 'a', 'z'], models)).toEqual(['a', 'z'])
})

import type { CreateModelInput, ProviderModelsQuery } from '../../gql/admin'
import { priceError, priceInput, type PriceValues } from './price'

/** A model that a provider lists. */
export type ListedModel = NonNullable<ProviderModelsQuery['providerModels']>[number]

/** The models of a long list that are shown at once. */
export const SHOWN = 100

/** The longest reply that is taken over: what a message may cost is reserved before it, and a longer reply reserves more. */
const MAX_OUTPUT = 8_192

/** Returns the models in whose name or title each word of a search is. */
export function searchListed(models: readonly ListedModel[], search: string): ListedModel[] {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  return models.filter(({ name, title }) => {
    const text = `${name} ${title ?? ''}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
}

/** Returns the names of the listed models that the catalog has from the provider. */
export function addedNames(models: readonly ListedModel[]): ReadonlySet<string> {
  return new Set(models.filter(({ added }) => added).map(({ name }) => name))
}

/** What models can do, which a list of models does not tell. */
export type Abilities = { images: boolean; tools: boolean }

/** Converts a listed model to one of the catalog, with the same name. */
export function takeOverInput(
  listed: ListedModel,
  providerId: string,
  price: PriceValues,
  abilities: Abilities,
): CreateModelInput {
  const { name, title, contextWindow, maxOutput } = listed
  return {
    name,
    ...(title !== null && { title: title.slice(0, 80) }),
    ...(contextWindow !== null && { contextWindow }),
    ...(maxOutput !== null && { maxOutput: Math.min(maxOutput, MAX_OUTPUT) }),
    routes: [{ providerId, upstreamModel: name }],
    price: priceInput(price),
    ...abilities,
  }
}

/** Returns the errors of the prices, by the names of their models. */
export function priceErrors(prices: ReadonlyMap<string, PriceValues>): Map<string, string> {
  const errors = [...prices].map(([name, price]): [string, string | null] => [name, priceError(price)])
  return new Map(errors.filter((entry): entry is [string, string] => entry[1] !== null))
}

import { useQuery } from 'urql'
import type { Price } from '../../format/prices'
import { ModelsDocument, type ModelsQuery } from '../../gql/chat'

/** A model that answers messages. */
export type Model = ModelsQuery['models'][number]

const NONE: readonly Model[] = []

/** Returns the models, sorted by name; none until they are loaded. */
export function useModels(): readonly Model[] {
  const [{ data }] = useQuery({ query: ModelsDocument })
  return data?.models ?? NONE
}

/** Returns the first of these names that is a model, or the default model; null until the models are loaded. */
export function firstAvailable(models: readonly Model[], ...names: (string | null)[]): string | null {
  const name = names.find((one) => models.some((model) => model.name === one))
  return name ?? models.find((model) => model.default)?.name ?? null
}

/** Returns the title of a model; the name of one that there is no more. */
export function titleOf(models: readonly Model[], name: string): string {
  return models.find((model) => model.name === name)?.title ?? name
}

/** Returns the price of a model; null if there is no such model. */
export function priceOf(models: readonly Model[], name: string | null): Price | null {
  return models.find((model) => model.name === name)?.price ?? null
}

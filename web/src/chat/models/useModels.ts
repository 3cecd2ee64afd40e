import type { Client } from '@urql/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useCallback, useMemo } from 'react'
import { useClient, useQuery } from 'urql'
import type { Price } from '../../format/prices'
import { FindModelsDocument, ModelsDocument, NamedModelsDocument, type ModelFieldsFragment } from '../../gql/chat'
import { Store } from '../../store/store'
import { useStore } from '../../store/useStore'

/** A model that answers messages. */
export type Model = ModelFieldsFragment

const NONE: readonly Model[] = []
const NO_NAMES: readonly string[] = []

/** The most names of a query. */
const MAX_NAMES = 100

/** The models of a large catalog that were chosen among the results of a search. */
class ChosenModels extends Store<readonly Model[]> {
  readonly add = (model: Model): void => this.setState(unite(this.state, [model]))
}

/** By client, of which each log-in has its own. */
const chosenModels = new WeakMap<Client, ChosenModels>()

function chosenOf(client: Client): ChosenModels {
  const chosen = chosenModels.get(client) ?? new ChosenModels(NONE)
  chosenModels.set(client, chosen)
  return chosen
}

/**
 * Returns the models, sorted by name; none until they are loaded. Of a large catalog, the first ones, the default one, those
 * that were chosen, and those with one of the names.
 */
export function useModels(names: readonly (string | null)[] = NO_NAMES): readonly Model[] {
  const chosen = useStore(chosenOf(useClient()))
  const [{ data }] = useQuery({ query: ModelsDocument })
  const first = useMemo(() => (data ? unite(data.modelsConnection?.nodes ?? NONE, defaultOf(data)) : NONE), [data])
  const isLarge = data?.modelsConnection?.pageInfo.hasNextPage ?? false
  // Also of those that were chosen: their prices may have changed since.
  const missing = isLarge ? missingNames(names, first) : NO_NAMES
  const [named] = useQuery({
    query: NamedModelsDocument,
    variables: { names: [...missing] },
    pause: missing.length === 0,
  })
  const others = missing.length > 0 ? named.data?.modelsConnection?.nodes : undefined
  const all = useMemo(
    () => unite(first, isLarge ? [...chosen, ...(others ?? NONE)] : NONE),
    [first, isLarge, chosen, others],
  )
  // Otherwise the default model would be taken for the one that is not loaded yet.
  const isWaiting = named.fetching && missingNames(missing, chosen).length > 0
  return isWaiting ? NONE : all
}

/** Returns the models of `useModels`, and of a large catalog those that a search finds. */
export function useSearchedModels(models: readonly Model[], search: string): readonly Model[] {
  const [debounced] = useDebouncedValue(search.trim(), 250)
  const [{ data }] = useQuery({ query: ModelsDocument })
  const isPaused = debounced === '' || !data?.modelsConnection?.pageInfo.hasNextPage
  const [{ data: result }] = useQuery({ query: FindModelsDocument, variables: { search: debounced }, pause: isPaused })
  const found = isPaused ? undefined : result?.modelsConnection?.nodes
  return useMemo(() => unite(models, found ?? NONE), [models, found])
}

/** Returns a function that keeps a model which a search has found. */
export function useKeepModel(): (model: Model | undefined) => void {
  const client = useClient()
  return useCallback((model) => model && chosenOf(client).add(model), [client])
}

/** Returns the models of both lists, each once, sorted by name as the server does. */
export function unite(models: readonly Model[], others: readonly Model[]): readonly Model[] {
  const known = new Set(models.map(({ name }) => name))
  const further = new Map(others.filter(({ name }) => !known.has(name)).map((model) => [model.name, model]))
  if (further.size === 0) return models
  return [...models, ...further.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
}

/** Returns the names of models that are not among these, each once. */
export function missingNames(names: readonly (string | null)[], models: readonly Model[]): readonly string[] {
  const known = new Set(models.map(({ name }) => name))
  const missing = new Set(names.filter((name): name is string => name !== null && !known.has(name)))
  return [...missing].sort().slice(0, MAX_NAMES)
}

function defaultOf({ defaultModel }: { defaultModel: Model | null }): readonly Model[] {
  return defaultModel ? [defaultModel] : NONE
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

import { useCallback } from 'react'
import {
  CatalogModelsDocument,
  PriceChangesDocument,
  ProvidersDocument,
  type CatalogEntryFragment,
  type CatalogProviderFragment,
  type ModelSource,
  type PriceChangesQuery,
} from '../../gql/admin'
import { ModelsDocument } from '../../gql/chat'
import { query } from '../../graphql/client'
import { EMPTY_PAGE } from '../../graphql/pagedList'
import { usePages, type Pages } from '../../graphql/usePages'
import { useViewer } from '../../session/context'

export type Provider = CatalogProviderFragment

/** A model of the catalog. Its name is its id. */
export type Model = CatalogEntryFragment & { id: string }

/** A version of a price. */
export type PriceChange = NonNullable<PriceChangesQuery['priceChanges']>['nodes'][number] & { id: string }

/** The filters of the list of models. */
export type ModelFilters = {
  search: string
  source: ModelSource | null
  enabled: boolean | null
  providerId: string | null
}

const PAGE = 50

export function useProviders(search = ''): Pages<Provider> {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) =>
      (await query(client, ProvidersDocument, { first: PAGE, after, search: search === '' ? null : search }))
        .providers ?? EMPTY_PAGE,
    [client, search],
  )
  return usePages(load)
}

export function useCatalogModels({ search, source, enabled, providerId }: ModelFilters): Pages<Model> {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) => {
      const filters = { search: search === '' ? null : search, source, enabled, providerId }
      const page = (await query(client, CatalogModelsDocument, { first: PAGE, after, ...filters })).catalogModels
      return page ? { ...page, nodes: page.nodes.map(withId) } : EMPTY_PAGE
    },
    [client, search, source, enabled, providerId],
  )
  return usePages(load)
}

export function usePriceChanges(model: string): Pages<PriceChange> {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) => {
      const page = (await query(client, PriceChangesDocument, { model, first: 10, after })).priceChanges
      const withVersion = (node: Omit<PriceChange, 'id'>) => ({ ...node, id: String(node.version.version) })
      return page ? { ...page, nodes: page.nodes.map(withVersion) } : EMPTY_PAGE
    },
    [client, model],
  )
  return usePages(load)
}

/** Makes the name of a model its id. */
export function withId(model: CatalogEntryFragment): Model {
  return { ...model, id: model.name }
}

/** Returns a function that has the chat choose among the changed models, without a reload of the page. */
export function useRefreshModels(): () => void {
  const { client } = useViewer()
  return useCallback(() => {
    // The change is made; the chat asks again later if this fails.
    query(client, ModelsDocument, {}).catch(() => undefined)
  }, [client])
}

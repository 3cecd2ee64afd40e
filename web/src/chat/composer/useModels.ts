import { useState } from 'react'
import { useQuery } from 'urql'
import { formatPrice, type Price } from '../../format/prices'
import { ModelsDocument } from '../../gql/chat'

/** Returns the models, and the selected one: by the user, the preferred one, or the default. */
export function useModels(preferred: string | null) {
  const [{ data }] = useQuery({ query: ModelsDocument })
  const [selected, select] = useState<string | null>(null)
  const models = data?.models ?? []
  const available = (name: string | null) => (models.some((model) => model.name === name) ? name : null)
  const selectedModel =
    available(selected) ?? available(preferred) ?? models.find((model) => model.default)?.name ?? null
  const price: Price | null = models.find((model) => model.name === selectedModel)?.price ?? null
  const options = models.map((model) => ({ value: model.name, label: `${model.name} · ${formatPrice(model.price)}` }))
  return { models: options, selectedModel, select, price }
}

import { useState } from 'react'
import { useQuery } from 'urql'
import { formatPrice, type Price } from '../../format/prices'
import { ModelsDocument } from '../../gql/chat'
import { useViewer } from '../../session/context'
import { lastModel, rememberModel } from './lastModel'

/** Returns the models, and the selected one: by the user, the preferred one, the one that was used last, or the default. */
export function useModels(preferred: string | null) {
  const { user } = useViewer()
  const [{ data }] = useQuery({ query: ModelsDocument })
  const [selected, setSelected] = useState<string | null>(null)
  const [last] = useState(() => lastModel(user.id))
  const models = data?.models ?? []
  const available = (name: string | null) => (models.some((model) => model.name === name) ? name : null)
  const selectedModel =
    available(selected) ??
    available(preferred) ??
    available(last) ??
    models.find((model) => model.default)?.name ??
    null
  const price: Price | null = models.find((model) => model.name === selectedModel)?.price ?? null
  const options = models.map((model) => ({ value: model.name, label: `${model.name} · ${formatPrice(model.price)}` }))
  const select = (name: string) => {
    setSelected(name)
    rememberModel(user.id, name)
  }
  return { models: options, selectedModel, select, price }
}

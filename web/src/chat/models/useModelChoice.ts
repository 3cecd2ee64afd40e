import { useState } from 'react'
import { useViewer } from '../../session/context'
import { lastModel, rememberModel } from './lastModel'
import { firstAvailable, priceOf, useModels } from './useModels'

type Choice = {
  name: string
  /** The preferred model at that time. */
  preferred: string | null
}

/**
 * Returns the model of the next message: the one that the user has selected here, until another device prefers another
 * one; the preferred one; the one that was used last; or the default. `save` keeps a selection on the server.
 */
export function useModelChoice(preferred: string | null, save?: (name: string) => Promise<void>) {
  const { user } = useViewer()
  const [last] = useState(() => lastModel(user.id))
  const [choice, setChoice] = useState<Choice | null>(null)
  const models = useModels([choice?.name ?? null, preferred, last])
  const [saving, setSaving] = useState(0)
  // The choice is kept now; what is preferred later is a newer one.
  if (choice?.name === preferred) setChoice(null)
  const isCurrent = choice && (saving > 0 || choice.preferred === preferred)
  const selected = firstAvailable(models, isCurrent ? choice.name : null, preferred, last)

  const select = (name: string) => {
    setChoice({ name, preferred })
    rememberModel(user.id, name)
    if (!save) return
    setSaving((count) => count + 1)
    // Each message names its model, so a failure changes nothing here.
    save(name)
      .catch(() => undefined)
      .finally(() => setSaving((count) => count - 1))
  }

  return { models, selected, select, price: priceOf(models, selected) }
}

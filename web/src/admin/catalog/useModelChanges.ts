import { DeleteModelDocument, SetDefaultModelDocument, UpdateModelDocument } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import type { Pages } from '../../graphql/usePages'
import { useViewer } from '../../session/context'
import { confirmDanger, notifyProblem } from '../../ui/confirm'
import { showToast } from '../../ui/toast'
import { SOURCE_LABELS } from './labels'
import { withId, type Model } from './lists'

/** Enables and disables models and sets the default one at once, the former with an undo, and deletes after a confirmation. */
export function useModelChanges({ change, remove, reload }: Pages<Model>, onChanged: () => void) {
  const { client } = useViewer()

  const update = async (model: Model, enabled: boolean, isUndo = false): Promise<void> => {
    const { model: changed } = await mutate(client, UpdateModelDocument, { input: { name: model.name, enabled } })
    if (changed) change((rows) => rows.map((row) => (row.id === model.id ? withId(changed) : row)))
    showToast({
      message: `${model.title} ${enabled ? 'enabled' : 'disabled'}.`,
      ...(!isUndo && { undo: () => update(model, !enabled, true) }),
    })
    onChanged()
  }
  const makeDefault = async (model: Model): Promise<void> => {
    await mutate(client, SetDefaultModelDocument, { input: { name: model.name } })
    showToast({ message: `${model.title} answers messages that name no model.` })
    // Another row was the default.
    reload()
    onChanged()
  }
  return {
    setDefault: (model: Model) => void makeDefault(model).catch(notifyProblem),
    setEnabled: (model: Model, enabled: boolean) => void update(model, enabled).catch(notifyProblem),
    remove: (model: Model) =>
      confirmDanger({
        ...deletionTexts(model),
        confirm: 'Delete',
        run: async () => {
          await mutate(client, DeleteModelDocument, { input: { name: model.name } })
          if (model.shadowsDatabase) change((rows) => rows.map((row) => (row.id === model.id ? unshadowed(row) : row)))
          else remove(new Set([model.id]))
          onChanged()
        },
      }),
  }
}

function unshadowed(model: Model): Model {
  return { ...model, shadowsDatabase: false }
}

/** Returns the question before a model is deleted. One that the configuration file shadows leaves the other in force. */
export function deletionTexts({ title, name, source, shadowsDatabase }: Model): { title: string; text: string } {
  if (shadowsDatabase) {
    return {
      title: `Delete the model ${name} of the database?`,
      text: `The one ${SOURCE_LABELS[source]} stays in force. Chats, and the versions of the price, are kept.`,
    }
  }
  return {
    title: `Delete ${title}?`,
    text: 'It can no longer be used. Its chats, and the versions of its price, are kept.',
  }
}

import { DeleteModelDocument, UpdateModelDocument } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import type { Pages } from '../../graphql/usePages'
import { useViewer } from '../../session/context'
import { confirmDanger, notifyProblem } from '../../ui/confirm'
import { showToast } from '../../ui/toast'
import { withId, type Model } from './lists'

/** Enables and disables models at once, with an undo, and deletes them after a confirmation. */
export function useModelChanges({ change, remove }: Pages<Model>, onChanged: () => void) {
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
  return {
    setEnabled: (model: Model, enabled: boolean) => void update(model, enabled).catch(notifyProblem),
    remove: (model: Model) =>
      confirmDanger({
        title: `Delete ${model.title}?`,
        text: 'It can no longer be used. Its chats, and the versions of its price, are kept.',
        confirm: 'Delete',
        run: async () => {
          await mutate(client, DeleteModelDocument, { input: { name: model.name } })
          remove(new Set([model.id]))
          onChanged()
        },
      }),
  }
}

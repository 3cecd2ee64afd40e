import { useRef, useState } from 'react'
import { pluralize } from '../format/numbers'
import { SetUsersActiveDocument, type UserFilterInput } from '../gql/admin'
import { mutate } from '../graphql/client'
import { useViewer } from '../session/context'
import { confirmDanger, notifyProblem } from '../ui/confirm'
import { showToast } from '../ui/toast'
import { activatedLabel } from './bulkLabels'
import { BulkRequest } from './bulkRequest'
import type { BulkSelection } from './bulkTarget'
import { DEACTIVATION } from './useSetActive'

type Change = { filter: UserFilterInput; expectedCount: number; active: boolean }

/** Activates or deactivates the selected users after a confirmation with their number and names, and with an undo. */
export function useBulkActive(onChanged: () => void) {
  const { client } = useViewer()
  const [isBusy, setBusy] = useState(false)
  const request = useRef(new BulkRequest())

  const send = async (change: Change, isUndo = false): Promise<void> => {
    setBusy(true)
    try {
      const { changedUserIds: userIds, skippedOperators } = await request.current.run(change, (idempotencyKey) =>
        mutate(client, SetUsersActiveDocument, { input: { ...change, idempotencyKey } }),
      )
      const inverse = { filter: { userIds }, expectedCount: userIds.length, active: !change.active }
      showToast({
        message: activatedLabel(change.active, userIds.length, { skippedOperators }),
        ...(!isUndo && userIds.length > 0 && { undo: () => send(inverse, true) }),
      })
    } finally {
      setBusy(false)
      // Also after a failure, which may be that others match than the list shows.
      onChanged()
    }
  }

  const ask = async (selection: BulkSelection, active: boolean): Promise<void> => {
    const { filter, count, changed, names } = await selection.target(active)
    if (changed === 0) {
      showToast({
        message: `No user to ${active ? 'activate' : 'deactivate'}. Staff and superusers are changed one by one.`,
      })
      return
    }
    confirmDanger({
      title: `${active ? 'Activate' : 'Deactivate'} ${pluralize(changed, 'user')}?`,
      names,
      total: changed,
      text: active ? 'They can log in and use their API keys again.' : DEACTIVATION,
      confirm: active ? 'Activate' : 'Deactivate',
      run: () => send({ filter, expectedCount: count, active }),
    })
  }
  const setActive = (selection: BulkSelection, active: boolean) => {
    setBusy(true)
    ask(selection, active)
      .catch(notifyProblem)
      .finally(() => setBusy(false))
  }
  return { setActive, isBusy }
}

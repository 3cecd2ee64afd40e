import { useState } from 'react'
import { UpdateUserDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { useViewer } from '../session/context'
import { confirmDanger, notifyProblem } from '../ui/confirm'
import { showToast } from '../ui/toast'
import type { User } from './lists'

/** What a deactivation does. */
export const DEACTIVATION =
  'They are logged out of all devices at once, and can neither log in nor use API keys until they are activated again. Balances and messages are kept.'

/** Activates a user at once and deactivates it after a confirmation, both with an undo. */
export function useSetActive(user: User, onChanged: () => void) {
  const { client } = useViewer()
  const [isBusy, setBusy] = useState(false)

  const set = async (active: boolean, isUndo = false): Promise<void> => {
    setBusy(true)
    try {
      await mutate(client, UpdateUserDocument, { input: { userId: user.id, active } })
    } finally {
      setBusy(false)
    }
    showToast({
      message: `${user.username} ${active ? 'activated' : 'deactivated'}.`,
      ...(!isUndo && { undo: () => set(!active, true) }),
    })
    onChanged()
  }
  const activate = () => void set(true).catch(notifyProblem)
  const deactivate = () =>
    confirmDanger({
      title: `Deactivate ${user.username}?`,
      text: DEACTIVATION,
      confirm: 'Deactivate',
      run: () => set(false),
    })
  return { activate, deactivate, isBusy }
}

import { pluralize } from '../format/numbers'
import { UpdateUserDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { useViewer } from '../session/context'
import { confirmDanger } from '../ui/confirm'
import type { User } from './lists'
import { useBulk } from './useBulk'

/** Activates users at once and deactivates them after a confirmation, both with an undo. */
export function useSetActive(onChanged: () => void) {
  const { client } = useViewer()
  const { run, isBusy } = useBulk<User>(({ username }) => username)

  const set = async (users: readonly User[], active: boolean, isUndo = false): Promise<void> => {
    await run(users, {
      work: ({ id }) => mutate(client, UpdateUserDocument, { input: { userId: id, active } }),
      done: (rows) => `${nameOrCount(rows)} ${active ? 'activated' : 'deactivated'}.`,
      ...(!isUndo && { undo: (rows) => set(rows, !active, true) }),
    })
    onChanged()
  }
  const activate = (users: readonly User[]) => void set(users, true)
  const deactivate = (users: readonly User[]) =>
    confirmDanger({
      title: `Deactivate ${nameOrCount(users)}?`,
      ...(users.length > 1 && { names: users.map(({ username }) => username) }),
      text: 'They are logged out of all devices at once, and can neither log in nor use API keys until they are activated again. Balances and messages are kept.',
      confirm: 'Deactivate',
      run: () => set(users, false),
    })
  return { activate, deactivate, isBusy }
}

function nameOrCount(users: readonly User[]): string {
  return users.length === 1 && users[0] ? users[0].username : pluralize(users.length, 'user')
}

import { LogOutUserDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { useSession, useViewer } from '../session/context'
import { confirmDanger } from '../ui/confirm'
import { showToast } from '../ui/toast'
import type { User } from './lists'

/** Returns the function that ends all sessions of a user after a confirmation. */
export function useLogOutUser({ id, username }: User, onChanged: () => void): () => void {
  const session = useSession()
  const { client, user: viewer } = useViewer()
  const isSelf = id === viewer.id
  return () =>
    confirmDanger({
      title: isSelf ? 'Log yourself out everywhere?' : `Log ${username} out everywhere?`,
      text: `All devices are logged out at once${isSelf ? ', including this one' : ''}. The password and the API keys stay valid, and answers in progress continue.`,
      confirm: 'Log out everywhere',
      run: async () => {
        if (isSelf) return session.logOut('everywhere')
        await mutate(client, LogOutUserDocument, { input: { userId: id } })
        showToast({ message: `${username} is logged out of all devices.` })
        onChanged()
      },
    })
}

import { RevokeKeyDocument } from '../gql/keys'
import { mutate } from '../graphql/client'
import type { Pages } from '../graphql/usePages'
import { useViewer } from '../session/context'
import { confirmDanger } from '../ui/confirm'
import type { Key } from './keyLabels'

/** Returns a function that revokes a key of a list, after a confirmation. */
export function useRevoke({ change }: Pick<Pages<Key>, 'change'>, onRevoked?: () => void): (key: Key) => void {
  const { client, user: viewer } = useViewer()
  return ({ id, name, prefix, user }) => {
    const whose = user && user.id !== viewer.id ? ` of ${user.username}` : ''
    confirmDanger({
      title: `Revoke “${name}”${whose}?`,
      text: `Programs that show ${prefix}… are refused at once. What is being answered goes on, and is paid for. This cannot be undone.`,
      confirm: 'Revoke',
      run: async () => {
        const { apiKey } = await mutate(client, RevokeKeyDocument, { input: { apiKeyId: id } })
        if (apiKey) change((keys) => keys.map((key) => (key.id === id ? apiKey : key)))
        onRevoked?.()
      },
    })
  }
}

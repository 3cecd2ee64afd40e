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
      text: `${prefix}… stops working at once. Answers in progress continue and are charged. This can’t be undone.`,
      confirm: 'Revoke',
      run: async () => {
        const { apiKey } = await mutate(client, RevokeKeyDocument, { input: { apiKeyId: id } })
        if (apiKey) change((keys) => keys.map((key) => (key.id === id ? apiKey : key)))
        onRevoked?.()
      },
    })
  }
}

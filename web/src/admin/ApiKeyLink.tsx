import { Anchor } from '@mantine/core'
import { Link } from 'react-router'
import { useQuery } from 'urql'
import { KeyPrefixDocument } from '../gql/keys'

/** A link to the API key that a chat was sent with; a text if the key is deleted. */
export function ApiKeyLink({ apiKeyId }: { apiKeyId: string }) {
  const [{ data }] = useQuery({ query: KeyPrefixDocument, variables: { id: apiKeyId } })
  const prefix = data?.node && 'prefix' in data.node ? data.node.prefix : null
  if (prefix === null) return 'by an API key'
  return (
    <>
      by the API key{' '}
      <Anchor component={Link} to={`/admin/keys?search=${encodeURIComponent(prefix)}`} size="sm">
        {prefix}…
      </Anchor>
    </>
  )
}

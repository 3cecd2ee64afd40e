import { Alert, Button, Group, Text } from '@mantine/core'
import { IconPlugConnected } from '@tabler/icons-react'
import { Link } from 'react-router'
import { useQuery } from 'urql'
import { CatalogNamesDocument } from '../../gql/admin'
import { useViewer } from '../../session/context'
import { BUILT_IN_MODELS, isBuiltInOnly } from './firstProvider'

/** Leads a superuser to the providers while the server has no models but the built-in ones. */
export function FirstProvider() {
  const { user } = useViewer()
  const [{ data }] = useQuery({
    query: CatalogNamesDocument,
    variables: { first: BUILT_IN_MODELS.length + 1 },
    requestPolicy: 'network-only',
    pause: !user.isSuperuser,
  })
  const names = data?.catalogModels?.nodes.map(({ name }) => name) ?? null
  if (names === null || !isBuiltInOnly(names)) return null
  return (
    <Alert variant="light" icon={<IconPlugConnected />} mb="md" title="Connect a provider">
      <Group justify="space-between" gap="sm">
        <Text size="sm">This server has only its small built-in models. Add those of a provider.</Text>
        <Button component={Link} to="/admin/providers" size="xs">
          Providers
        </Button>
      </Group>
    </Alert>
  )
}

import { Alert, Button, Stack, Text } from '@mantine/core'
import { IconAlertTriangle, IconPlugConnected } from '@tabler/icons-react'
import { useState } from 'react'
import { DeleteProviderDocument } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { useViewer } from '../../session/context'
import { confirmDanger } from '../../ui/confirm'
import { RowsTable } from '../../ui/RowsTable'
import { AdminTitle } from '../AdminTitle'
import { useProviders, type Provider } from './lists'
import { providerColumns, type ProviderAction } from './providerColumns'
import { RouteStates } from './RouteStates'
import { ProviderDialog, type ProviderTask } from './ProviderDialog'

export default function ProvidersPage() {
  const { client, user } = useViewer()
  const pages = useProviders()
  const [task, setTask] = useState<ProviderTask | null>(null)

  const remove = ({ id, name }: Provider) =>
    confirmDanger({
      title: `Delete ${name}?`,
      text: 'The provider and its key are deleted. Models that use it must be deleted, or have other routes, first.',
      confirm: 'Delete',
      run: async () => {
        await mutate(client, DeleteProviderDocument, { input: { providerId: id } })
        pages.remove(new Set([id]))
      },
    })
  const run = (action: ProviderAction, provider: Provider) => {
    if (action === 'delete') remove(provider)
    else setTask({ action, provider })
  }
  const broken = pages.rows.filter(({ keyProblem }) => keyProblem !== null)
  return (
    <>
      <AdminTitle title="Providers">
        {user.isSuperuser && (
          <Button leftSection={<IconPlugConnected size={16} />} onClick={() => setTask({ action: 'add' })}>
            Add provider
          </Button>
        )}
      </AdminTitle>
      <Stack>
        {broken.map(({ id, name, keyProblem }) => (
          <Alert key={id} color="red" variant="light" icon={<IconAlertTriangle />} role="alert">
            <Text size="sm" fw={600}>
              The API key of {name} can’t be decrypted. Its models don’t reply.
            </Text>
            <Text size="sm">
              {keyProblem} Enter the key again, or give the server the secret that it was encrypted under.
            </Text>
          </Alert>
        ))}
        {!user.isSuperuser && (
          <Text size="sm" c="dimmed">
            Only superusers can change providers.
          </Text>
        )}
        <RowsTable
          pages={pages}
          columns={providerColumns(user.isSuperuser ? run : null)}
          noun="provider"
          empty="No providers yet. The models of jeton.toml need none here."
          minWidth={920}
        />
        <RouteStates />
      </Stack>
      <ProviderDialog
        task={task}
        taken={pages.rows.map(({ name }) => name)}
        onNext={setTask}
        onClose={() => setTask(null)}
        onChanged={pages.reload}
      />
    </>
  )
}

import { Anchor, Badge, Button, Code, Group, Stack, Text } from '@mantine/core'
import { Link } from 'react-router'
import type { Column } from '../../ui/RowsTable'
import classes from '../../ui/ui.module.css'
import { pluralize } from '../../format/numbers'
import { modelsPath } from '../paths'
import { KIND_LABELS, keyLabel } from './labels'
import type { Provider } from './lists'

/** What a superuser does with a provider. */
export type ProviderAction = 'edit' | 'test' | 'models' | 'delete'

const ACTIONS: [action: ProviderAction, label: string][] = [
  ['test', 'Test…'],
  ['models', 'List models…'],
  ['edit', 'Edit…'],
  ['delete', 'Delete…'],
]

/** Returns the columns of the table of providers; without actions for staff. */
export function providerColumns(
  run: ((action: ProviderAction, provider: Provider) => void) | null,
): Column<Provider>[] {
  const columns: Column<Provider>[] = [
    { header: 'Name', cell: ({ name }) => <Name name={name} /> },
    { header: 'Kind', cell: ({ kind }) => KIND_LABELS[kind] },
    { header: 'Address', cell: ({ baseUrl }) => <Code style={{ overflowWrap: 'anywhere' }}>{baseUrl}</Code> },
    { header: 'Key', cell: (provider) => <Key provider={provider} /> },
    {
      header: 'Models',
      cell: ({ id, name, modelCount }) => (
        <Anchor component={Link} to={modelsPath(id)} size="sm" aria-label={`Models of ${name}`}>
          {pluralize(modelCount, 'model')}
        </Anchor>
      ),
    },
  ]
  if (run) columns.push({ header: 'Actions', cell: (provider) => <Actions provider={provider} run={run} /> })
  return columns
}

function Name({ name }: { name: string }) {
  return (
    <Text span size="sm" fw={600} className={classes.name} title={name}>
      {name}
    </Text>
  )
}

function Key({ provider }: { provider: Provider }) {
  return (
    <Stack gap={4} align="start">
      <span>{keyLabel(provider)}</span>
      {provider.keyProblem !== null && (
        <Badge color="red" variant="filled" miw="max-content">
          can’t be decrypted
        </Badge>
      )}
    </Stack>
  )
}

type ActionsProps = { provider: Provider; run: (action: ProviderAction, provider: Provider) => void }

function Actions({ provider, run }: ActionsProps) {
  return (
    <Group gap={6} maw={220}>
      {ACTIONS.map(([action, label]) => (
        <Button
          key={action}
          size="compact-xs"
          variant="default"
          aria-label={`${label.replace('…', '')} ${provider.name}`}
          onClick={() => run(action, provider)}
        >
          {label}
        </Button>
      ))}
    </Group>
  )
}

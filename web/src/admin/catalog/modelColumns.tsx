import { Badge, Button, Code, Group, Stack, Switch, Text } from '@mantine/core'
import { formatPrice } from '../../format/prices'
import type { Column } from '../../ui/RowsTable'
import classes from '../../ui/ui.module.css'
import { routesLabel, SOURCE_LABELS, windowLabel } from './labels'
import type { Model } from './lists'

/** What is done with a model. Staff only look at prices. */
export type ModelAction = 'edit' | 'price' | 'delete' | 'enable' | 'disable'

type Run = (action: ModelAction, model: Model) => void

/** Returns the columns of the table of models. Those of the database can be changed by superusers. */
export function modelColumns(run: Run, isSuperuser: boolean): Column<Model>[] {
  const canChange = ({ source }: Model) => isSuperuser && source === 'DATABASE'
  return [
    { header: 'Name', cell: (model) => <Name model={model} /> },
    { header: 'Source', cell: (model) => <Source model={model} /> },
    { header: 'Price', cell: ({ price }) => formatPrice(price) },
    { header: 'Context', isNumber: true, cell: ({ contextWindow }) => windowLabel(contextWindow) },
    { header: 'Enabled', cell: (model) => <Enabled model={model} canChange={canChange(model)} run={run} /> },
    { header: 'Actions', cell: (model) => <Actions model={model} canChange={canChange(model)} run={run} /> },
  ]
}

function Name({ model: { name, title, problem, ...model } }: { model: Model }) {
  return (
    <Stack gap={4} align="start">
      <Text span size="sm" fw={600} className={classes.name} title={title}>
        {title}
      </Text>
      {name !== title && <Code style={{ overflowWrap: 'anywhere' }}>{name}</Code>}
      {model.default && (
        <Badge variant="light" miw="max-content">
          default
        </Badge>
      )}
      {problem !== null && (
        <Text size="xs" c="var(--mantine-color-error)" maw={260}>
          {problem}
        </Text>
      )}
    </Stack>
  )
}

function Source({ model: { source, shadowsDatabase, routes } }: { model: Model }) {
  return (
    <Stack gap={2} maw={260}>
      <span>{SOURCE_LABELS[source]}</span>
      {routes.length > 0 && (
        <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {routesLabel(routes)}
        </Text>
      )}
      {shadowsDatabase && (
        <Text size="xs" c="var(--mantine-color-error)">
          The database has a model of this name, too: it is not in force.
        </Text>
      )}
    </Stack>
  )
}

type CellProps = { model: Model; canChange: boolean; run: Run }

function Enabled({ model, canChange, run }: CellProps) {
  if (!canChange) return model.enabled ? 'yes' : 'no'
  return (
    <Switch
      aria-label={`Enabled: ${model.title}`}
      checked={model.enabled}
      onChange={(event) => run(event.currentTarget.checked ? 'enable' : 'disable', model)}
    />
  )
}

function Actions({ model, canChange, run }: CellProps) {
  const actions: [action: ModelAction, label: string, name: string][] = canChange
    ? [
        ['price', 'Set price…', 'Set price of'],
        ['edit', 'Edit…', 'Edit'],
        ['delete', 'Delete…', 'Delete'],
      ]
    : [['price', 'Prices…', 'Prices of']]
  return (
    <Group gap={6} maw={220}>
      {actions.map(([action, label, name]) => (
        <Button
          key={action}
          size="compact-xs"
          variant="default"
          aria-label={`${name} ${model.title}`}
          onClick={() => run(action, model)}
        >
          {label}
        </Button>
      ))}
    </Group>
  )
}

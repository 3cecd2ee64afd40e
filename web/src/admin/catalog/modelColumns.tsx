import { Badge, Button, Code, Group, Stack, Switch, Text } from '@mantine/core'
import { formatPrice } from '../../format/prices'
import type { Column } from '../../ui/RowsTable'
import classes from '../../ui/ui.module.css'
import { routesLabel, SOURCE_LABELS, windowLabel } from './labels'
import type { Model } from './lists'

/** What is done with a model. Staff only look at prices. */
export type ModelAction = 'edit' | 'price' | 'delete' | 'enable' | 'disable' | 'default'

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
    { header: 'Actions', cell: (model) => <Actions model={model} isSuperuser={isSuperuser} run={run} /> },
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
          {model.defaultSource === 'FILE' ? 'default, by jeton.toml' : 'default'}
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

function Enabled({ model, canChange, run }: { model: Model; canChange: boolean; run: Run }) {
  if (!canChange) return model.enabled ? 'yes' : 'no'
  return (
    <Switch
      aria-label={`Enabled: ${model.title}`}
      checked={model.enabled}
      onChange={(event) => run(event.currentTarget.checked ? 'enable' : 'disable', model)}
    />
  )
}

type Action = [action: ModelAction, label: string, name: string]

/** Returns what can be done with a model: everything with one of the database, whose shadowed ones can only be deleted. */
export function modelActions(model: Model, isSuperuser: boolean): Action[] {
  const prices: Action = ['price', 'Prices…', 'Prices of']
  if (!isSuperuser) return [prices]
  const canBeDefault = model.enabled && !model.default
  const makeDefault: Action[] = canBeDefault ? [['default', 'Make default', 'Make the default:']] : []
  if (model.source === 'DATABASE') {
    return [
      ['price', 'Set price…', 'Set price of'],
      ['edit', 'Edit…', 'Edit'],
      ...makeDefault,
      ['delete', 'Delete…', 'Delete'],
    ]
  }
  if (!model.shadowsDatabase) return [prices, ...makeDefault]
  return [prices, ...makeDefault, ['delete', 'Delete the one of the database…', 'Delete from the database:']]
}

function Actions({ model, isSuperuser, run }: { model: Model; isSuperuser: boolean; run: Run }) {
  return (
    <Group gap={6} maw={220}>
      {modelActions(model, isSuperuser).map(([action, label, name]) => (
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

import { Badge, Button, Code, Group, Stack, Text } from '@mantine/core'
import type { Column } from '../../ui/RowsTable'
import classes from '../../ui/ui.module.css'
import { EVENT_LABELS, EVENTS, webhookState } from './labels'
import type { Webhook } from './lists'

export type WebhookAction = 'test' | 'log' | 'edit' | 'toggle' | 'rotate' | 'delete'

const ACTIONS: [action: WebhookAction, label: (webhook: Webhook) => string][] = [
  ['test', () => 'Send test'],
  ['log', () => 'Deliveries…'],
  ['edit', () => 'Edit…'],
  ['toggle', ({ enabled }) => (enabled ? 'Disable' : 'Enable')],
  ['rotate', () => 'New secret…'],
  ['delete', () => 'Delete…'],
]

type Run = (action: WebhookAction, webhook: Webhook) => void

/** Returns the columns of the table of webhooks. */
export function webhookColumns(run: Run): Column<Webhook>[] {
  return [
    { header: 'Name', cell: ({ name }) => <Name name={name} /> },
    { header: 'Address', cell: ({ url }) => <Code style={{ overflowWrap: 'anywhere' }}>{url}</Code> },
    { header: 'Events', cell: ({ events }) => <Events events={events} /> },
    { header: 'Status', cell: (webhook) => <Status webhook={webhook} /> },
    { header: 'Actions', cell: (webhook) => <Actions webhook={webhook} run={run} /> },
  ]
}

function Name({ name }: { name: string }) {
  return (
    <Text span size="sm" fw={600} className={classes.name} title={name}>
      {name}
    </Text>
  )
}

function Events({ events }: Pick<Webhook, 'events'>) {
  if (events.length === EVENTS.length) return 'all'
  return events.map((event) => EVENT_LABELS[event].type).join(', ')
}

function Status({ webhook }: { webhook: Webhook }) {
  const { label, color, detail } = webhookState(webhook)
  return (
    <Stack gap={4} align="start">
      <Badge color={color} variant="light" miw="max-content">
        {label}
      </Badge>
      {detail !== null && (
        <Text size="xs" c="dimmed">
          {detail}
        </Text>
      )}
    </Stack>
  )
}

function Actions({ webhook, run }: { webhook: Webhook; run: Run }) {
  return (
    <Group gap={6} maw={260}>
      {ACTIONS.map(([action, label]) => (
        <Button
          key={action}
          size="compact-xs"
          variant="default"
          aria-label={`${label(webhook).replace('…', '')} ${webhook.name}`}
          onClick={() => run(action, webhook)}
        >
          {label(webhook)}
        </Button>
      ))}
    </Group>
  )
}

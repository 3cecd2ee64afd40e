import { Badge, Button, Code, Collapse, Group, Select, Skeleton, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useState } from 'react'
import { ResendWebhookDeliveryDocument, type WebhookDeliveryState } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { useViewer } from '../../session/context'
import { notifyProblem } from '../../ui/confirm'
import { DateTime } from '../../ui/DateTime'
import { LoadMore } from '../../ui/LoadMore'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { showToast } from '../../ui/toast'
import { attemptLabel, EVENT_LABELS, formatPayload, STATE_LABELS } from './labels'
import { useDeliveries, type Delivery, type Webhook } from './lists'

const STATES = Object.entries(STATE_LABELS).map(([value, { label }]) => ({ value, label }))

/** The log of the deliveries of a webhook, newest first. */
export function DeliveryLog({ webhook }: { webhook: Webhook }) {
  const { client } = useViewer()
  const [state, setState] = useState<WebhookDeliveryState | null>(null)
  const pages = useDeliveries(webhook.id, state)
  const resend = (delivery: Delivery) =>
    mutate(client, ResendWebhookDeliveryDocument, { input: { deliveryId: delivery.id } })
      .then(() => {
        showToast({ message: 'It is sent again now.' })
        pages.reload()
      })
      .catch(notifyProblem)
  return (
    <Stack gap="sm">
      <Group justify="space-between" align="end">
        <Select
          label="State"
          placeholder="All"
          clearable
          clearButtonProps={{ 'aria-label': 'Clear state' }}
          data={STATES}
          value={state}
          onChange={(value) => setState(value as WebhookDeliveryState | null)}
        />
        <Button variant="default" onClick={pages.reload}>
          Refresh
        </Button>
      </Group>
      {pages.problem && <ProblemAlert problem={pages.problem} onRetry={pages.reload} />}
      {pages.isLoading && pages.rows.length === 0 && <Skeleton height={120} aria-label="Loading" />}
      {!pages.isLoading && !pages.problem && pages.rows.length === 0 && <Text c="dimmed">No deliveries</Text>}
      {pages.rows.map((delivery) => (
        <Entry
          key={delivery.id}
          delivery={delivery}
          canResend={webhook.enabled}
          onResend={() => void resend(delivery)}
        />
      ))}
      <LoadMore pages={pages} noun="delivery" plural="deliveries" />
    </Stack>
  )
}

type EntryProps = { delivery: Delivery; canResend: boolean; onResend: () => void }

function Entry({ delivery, canResend, onResend }: EntryProps) {
  const [isOpen, payload] = useDisclosure(false)
  const { type } = EVENT_LABELS[delivery.event]
  const state = STATE_LABELS[delivery.state]
  return (
    <Stack
      gap={4}
      component="article"
      aria-label={`${type} ${delivery.eventId}`}
      pb="xs"
      style={{ borderBottom: '1px solid var(--mantine-color-default-border)' }}
    >
      <Group justify="space-between" gap="xs">
        <Group gap="xs">
          <Text size="sm" fw={600}>
            {type}
          </Text>
          <Badge color={state.color} variant="light">
            {state.label}
          </Badge>
        </Group>
        <Text size="xs" c="dimmed">
          <DateTime iso={delivery.createdAt} />
        </Text>
      </Group>
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {attemptLabel(delivery)}
      </Text>
      <Group gap={6}>
        <Button size="compact-xs" variant="default" aria-expanded={isOpen} onClick={payload.toggle}>
          Payload
        </Button>
        {canResend && (
          <Button size="compact-xs" variant="default" onClick={onResend}>
            Send again
          </Button>
        )}
      </Group>
      <Collapse expanded={isOpen}>
        <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          webhook-id: {delivery.eventId}
        </Text>
        <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {formatPayload(delivery.payload)}
        </Code>
      </Collapse>
    </Stack>
  )
}

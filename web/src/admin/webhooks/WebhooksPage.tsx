import { Button, Stack, Text } from '@mantine/core'
import { IconLock, IconWebhook } from '@tabler/icons-react'
import { useState } from 'react'
import {
  DeleteWebhookDocument,
  RotateWebhookSecretDocument,
  SendTestWebhookDocument,
  UpdateWebhookDocument,
} from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { Problem } from '../../graphql/problem'
import { useViewer } from '../../session/context'
import { confirmDanger, notifyProblem } from '../../ui/confirm'
import { EmptyState } from '../../ui/EmptyState'
import { RowsTable } from '../../ui/RowsTable'
import { showToast } from '../../ui/toast'
import { AdminTitle } from '../AdminTitle'
import { attemptLabel } from './labels'
import { useWebhooks, type Webhook } from './lists'
import { webhookColumns, type WebhookAction } from './webhookColumns'
import { WebhookDialog, type WebhookTask } from './WebhookDialog'

export default function WebhooksPage() {
  const { user } = useViewer()
  if (user.isSuperuser) return <Webhooks />
  return (
    <EmptyState Icon={IconLock} title="This page is for superusers">
      Webhooks send what happens on this server to other services.
    </EmptyState>
  )
}

function Webhooks() {
  const { client } = useViewer()
  const pages = useWebhooks()
  const [task, setTask] = useState<WebhookTask | null>(null)

  const test = async ({ id, name }: Webhook) => {
    const { delivery } = await mutate(client, SendTestWebhookDocument, { input: { webhookId: id } })
    if (!delivery) return
    const accepted = delivery.state === 'DELIVERED'
    if (accepted) showToast({ message: `${name} accepted the test (${attemptLabel(delivery)}).` })
    else throw new Problem('UNAVAILABLE', `${name} did not accept the test. ${delivery.lastError ?? ''}`)
  }
  const toggle = async ({ id, name, enabled }: Webhook) => {
    await mutate(client, UpdateWebhookDocument, { input: { webhookId: id, enabled: !enabled } })
    showToast({ message: `Webhook ${name} ${enabled ? 'disabled' : 'enabled'}.` })
    pages.reload()
  }
  const rotate = (webhook: Webhook) =>
    confirmDanger({
      title: `New secret for ${webhook.name}?`,
      text: 'The present secret signs too for 24 hours, and an earlier one ends now.',
      confirm: 'Create a secret',
      run: async () => {
        const { secret } = await mutate(client, RotateWebhookSecretDocument, { input: { webhookId: webhook.id } })
        if (secret !== null) setTask({ action: 'secret', webhook, secret, isRotated: true })
        pages.reload()
      },
    })
  const remove = ({ id, name }: Webhook) =>
    confirmDanger({
      title: `Delete ${name}?`,
      text: 'The webhook and the log of its deliveries are deleted. Events that are not delivered yet are lost.',
      confirm: 'Delete',
      run: async () => {
        await mutate(client, DeleteWebhookDocument, { input: { webhookId: id } })
        pages.remove(new Set([id]))
      },
    })
  const run = (action: WebhookAction, webhook: Webhook) => {
    if (action === 'delete') remove(webhook)
    else if (action === 'rotate') rotate(webhook)
    else if (action === 'test') void test(webhook).catch(notifyProblem)
    else if (action === 'toggle') void toggle(webhook).catch(notifyProblem)
    else setTask({ action, webhook })
  }
  return (
    <>
      <AdminTitle title="Webhooks">
        <Button leftSection={<IconWebhook size={16} />} onClick={() => setTask({ action: 'add' })}>
          Add webhook
        </Button>
      </AdminTitle>
      <Stack>
        <Text size="sm" c="dimmed">
          Each event is sent to an address of yours, signed, and retried for a day.
        </Text>
        <RowsTable
          pages={pages}
          columns={webhookColumns(run)}
          noun="webhook"
          empty="No webhooks yet"
          minWidth={900}
          nameOf={({ name }) => name}
          isDimmed={({ enabled }) => !enabled}
        />
      </Stack>
      <WebhookDialog task={task} onNext={setTask} onClose={() => setTask(null)} onChanged={pages.reload} />
    </>
  )
}

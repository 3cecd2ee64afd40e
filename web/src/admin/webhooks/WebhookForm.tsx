import { Button, Checkbox, Group, Stack, TextInput } from '@mantine/core'
import { CreateWebhookDocument, UpdateWebhookDocument, type WebhookEvent } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { Problem } from '../../graphql/problem'
import { useViewer } from '../../session/context'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { showToast } from '../../ui/toast'
import { useMutationForm } from '../../ui/useMutationForm'
import { EVENT_LABELS, EVENTS } from './labels'
import type { Webhook } from './lists'

type Values = { name: string; url: string; events: string[] }

type Props = {
  /** Null for a new one. */
  webhook: Webhook | null
  onSaved: () => void
  /** Receives the secret of a new webhook, which the server returns only once. */
  onCreated: (webhook: Webhook, secret: string) => void
}

/** A form that adds a webhook, or changes one. */
export function WebhookForm({ webhook, onSaved, onCreated }: Props) {
  const { client } = useViewer()
  const { form, submit, problem, isBusy } = useMutationForm<Values>(
    {
      initialValues: { name: webhook?.name ?? '', url: webhook?.url ?? '', events: webhook?.events ?? EVENTS },
      validate: {
        name: (name) => (name.trim() ? null : 'Enter a name'),
        url: (url) => (url.trim() ? null : 'Enter an address'),
        events: (events) => (events.length > 0 ? null : 'Choose at least one'),
      },
    },
    async ({ name, url, events }) => {
      const input = { name: name.trim(), url: url.trim(), events: events as WebhookEvent[] }
      if (webhook) {
        await mutate(client, UpdateWebhookDocument, { input: { webhookId: webhook.id, ...input } })
        showToast({ message: `Webhook ${input.name} changed.` })
        onSaved()
        return
      }
      const created = await mutate(client, CreateWebhookDocument, { input })
      if (created.webhook === null || created.secret === null)
        throw new Problem('INTERNAL', 'The server sent no secret.')
      onSaved()
      onCreated(created.webhook, created.secret)
    },
  )
  return (
    <form onSubmit={submit} noValidate autoComplete="off">
      <Stack gap="sm">
        {problem && <ProblemAlert problem={problem} />}
        <TextInput label="Name" maxLength={100} data-autofocus {...form.getInputProps('name')} />
        <TextInput
          label="Address"
          description="Receives a POST request for each event"
          placeholder="https://hooks.example/jeton"
          inputMode="url"
          maxLength={1000}
          spellCheck={false}
          autoCapitalize="none"
          {...form.getInputProps('url')}
        />
        <Checkbox.Group label="Events" {...form.getInputProps('events')}>
          <Stack gap="xs" mt="xs">
            {EVENTS.map((event) => (
              <Checkbox
                key={event}
                value={event}
                label={EVENT_LABELS[event].label}
                description={EVENT_LABELS[event].type}
              />
            ))}
          </Stack>
        </Checkbox.Group>
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            {webhook ? 'Save' : 'Add'}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

import { Button, Group, List, Stack, Text, TextInput, ThemeIcon, VisuallyHidden } from '@mantine/core'
import { IconCheck, IconX } from '@tabler/icons-react'
import { useState } from 'react'
import { TestProviderDocument, type TestProviderMutation } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { useViewer } from '../../session/context'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { useMutationForm } from '../../ui/useMutationForm'
import { STEP_LABELS } from './labels'
import type { Provider } from './lists'

type Step = TestProviderMutation['testProvider']['steps'][number]

type Props = {
  provider: Provider
  /** What follows a test that succeeded, and one that failed. */
  onList: () => void
  onEdit: () => void
}

/** Tests the connection of a provider, and shows each step with its result. */
export function ProviderTest({ provider, onList, onEdit }: Props) {
  const { client } = useViewer()
  const [steps, setSteps] = useState<Step[] | null>(null)
  // Not among the values of the form, which is reset after each test.
  const [model, setModel] = useState('')
  const { form, submit, problem, isBusy } = useMutationForm({ initialValues: { upstreamModel: '' } }, async () => {
    setSteps(null)
    const upstreamModel = model.trim() === '' ? null : model.trim()
    const tested = await mutate(client, TestProviderDocument, { input: { providerId: provider.id, upstreamModel } })
    setSteps(tested.steps)
  })
  const works = steps?.every(({ succeeded }) => succeeded)
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          Connects to {provider.baseUrl}, and lists the models with the key.
        </Text>
        <TextInput
          label="Model"
          description="Optional, the provider’s name of it. It replies with a few model tokens, which your account there pays for."
          autoCapitalize="none"
          spellCheck={false}
          error={form.errors.upstreamModel}
          value={model}
          onChange={(event) => setModel(event.currentTarget.value)}
        />
        {problem && <ProblemAlert problem={problem} />}
        {steps && <Steps steps={steps} />}
        <Group justify="flex-end">
          {works === false && (
            <Button variant="default" onClick={onEdit}>
              Edit…
            </Button>
          )}
          {works && (
            <Button variant="default" onClick={onList}>
              List models…
            </Button>
          )}
          <Button type="submit" loading={isBusy} data-autofocus>
            {steps ? 'Test again' : 'Test connection'}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function Steps({ steps }: { steps: Step[] }) {
  const works = steps.every(({ succeeded }) => succeeded)
  return (
    <Stack gap="xs" role="status">
      <Text fw={600}>{works ? 'The connection works.' : 'The connection does not work.'}</Text>
      <List spacing="xs" center={false} listStyleType="none" withPadding={false}>
        {steps.map(({ kind, succeeded, message, milliseconds }) => (
          <List.Item key={kind} icon={<Mark succeeded={succeeded} />}>
            <Text size="sm" fw={600}>
              {STEP_LABELS[kind]}{' '}
              <Text span size="xs" c="dimmed" fw={400}>
                {milliseconds} ms
              </Text>
            </Text>
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              {message}
            </Text>
          </List.Item>
        ))}
      </List>
    </Stack>
  )
}

function Mark({ succeeded }: { succeeded: boolean }) {
  const Icon = succeeded ? IconCheck : IconX
  return (
    <ThemeIcon color={succeeded ? 'teal' : 'red'} size="sm" radius="xl">
      <Icon size={14} aria-hidden />
      <VisuallyHidden>{succeeded ? 'Succeeded' : 'Failed'}</VisuallyHidden>
    </ThemeIcon>
  )
}

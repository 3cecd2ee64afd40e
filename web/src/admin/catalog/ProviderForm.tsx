import {
  Button,
  Checkbox,
  Group,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core'
import { useState } from 'react'
import { CreateProviderDocument, UpdateProviderDocument, type ProviderKind } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { useViewer } from '../../session/context'
import { PasswordField } from '../../ui/PasswordField'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { showToast } from '../../ui/toast'
import { useMutationForm } from '../../ui/useMutationForm'
import { KIND_LABELS, keyLabel } from './labels'
import type { Provider } from './lists'
import { freeName, PRESETS, presetOf } from './presets'
import { createInput, providerValues, updateInput, VALIDATION, type ProviderValues } from './providerForm'

const KINDS = (Object.entries(KIND_LABELS) as [ProviderKind, string][]).map(([value, label]) => ({ value, label }))

type Props = {
  /** Null for a new one. */
  provider: Provider | null
  /** The names of the other providers. */
  taken: readonly string[]
  onSaved: (provider: Provider) => void
}

/** A form that connects a provider, or changes one. */
export function ProviderForm({ provider, taken, onSaved }: Props) {
  const { client } = useViewer()
  const [preset, setPreset] = useState<string | null>(null)
  const { form, submit, problem, isBusy } = useMutationForm<ProviderValues>(
    { initialValues: providerValues(provider), validate: VALIDATION },
    async (values) => {
      const saved = provider
        ? await mutate(client, UpdateProviderDocument, { input: updateInput(provider.id, values) })
        : await mutate(client, CreateProviderDocument, { input: createInput(values) })
      showToast({ message: `Provider ${values.name.trim()} ${provider ? 'changed' : 'connected'}.` })
      if (saved.provider) onSaved(saved.provider)
    },
  )
  const fill = (name: string | null) => {
    setPreset(name)
    const chosen = presetOf(name)
    if (chosen) form.setValues({ name: freeName(chosen.name, taken), kind: chosen.kind, baseUrl: chosen.baseUrl })
  }
  const hint = presetOf(preset)?.hint
  const hasKey = provider !== null && provider.keySetAt !== null
  return (
    <form onSubmit={submit} noValidate autoComplete="off">
      <Stack gap="sm">
        {problem && <ProblemAlert problem={problem} />}
        {!provider && (
          <Select
            label="Service"
            description="Fills in the name, the kind and the address"
            placeholder="Another one"
            searchable
            clearable
            clearButtonProps={{ 'aria-label': 'Clear service' }}
            nothingFoundMessage="Not among the known ones"
            data={PRESETS.map(({ name }) => name)}
            value={preset}
            onChange={fill}
            data-autofocus
          />
        )}
        {hint && (
          <Text size="sm" role="status">
            {hint}
          </Text>
        )}
        <TextInput label="Name" maxLength={100} {...form.getInputProps('name')} />
        <Select
          label="Kind"
          description={provider ? 'The kind of a provider stays' : undefined}
          data={KINDS}
          allowDeselect={false}
          disabled={provider !== null}
          {...form.getInputProps('kind')}
        />
        <TextInput
          label="Address"
          description="The base URL, without the path of a request"
          placeholder="https://api.example/v1"
          inputMode="url"
          spellCheck={false}
          autoCapitalize="none"
          {...form.getInputProps('baseUrl')}
        />
        <PasswordField
          label="API key"
          description={
            hasKey
              ? `Stored encrypted (${keyLabel(provider)}). Leave empty to keep it.`
              : 'Stored encrypted, and never shown again. Leave empty if none is needed.'
          }
          autoComplete="new-password"
          visibilityToggleButtonProps={{ 'aria-label': 'Show the key' }}
          {...form.getInputProps('key')}
        />
        {hasKey && (
          <Checkbox label="Remove the stored key" {...form.getInputProps('removesKey', { type: 'checkbox' })} />
        )}
        <Textarea
          label="Further headers"
          description="One a line, “name: value”. No keys: staff can read them."
          autosize
          minRows={1}
          spellCheck={false}
          {...form.getInputProps('headers')}
        />
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
          <NumberInput
            label="Retries"
            description="Of a request that failed early"
            min={0}
            max={10}
            allowDecimal={false}
            {...form.getInputProps('maxRetries')}
          />
          <NumberInput
            label="Cool-down in seconds"
            description="After several failures in a row"
            min={1}
            max={86_400}
            allowDecimal={false}
            {...form.getInputProps('circuitCooldownSeconds')}
          />
        </SimpleGrid>
        <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="sm">
          <NumberInput
            label="Connect timeout"
            description="In seconds"
            placeholder="10"
            min={1}
            max={60}
            allowDecimal={false}
            {...form.getInputProps('connectTimeoutSeconds')}
          />
          <NumberInput
            label="First-byte timeout"
            description="Until the response begins"
            placeholder="That of the turn"
            min={1}
            max={3600}
            allowDecimal={false}
            {...form.getInputProps('firstByteTimeoutSeconds')}
          />
          <NumberInput
            label="Idle timeout"
            description="Between two parts of it"
            placeholder="That of the turn"
            min={1}
            max={3600}
            allowDecimal={false}
            {...form.getInputProps('idleTimeoutSeconds')}
          />
        </SimpleGrid>
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            {provider ? 'Save' : 'Connect'}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

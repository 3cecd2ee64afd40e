import { Button, Checkbox, Group, Input, MultiSelect, NumberInput, SimpleGrid, Stack, TextInput } from '@mantine/core'
import { useRef, useState } from 'react'
import { useModels, useSearchedModels } from '../chat/models/useModels'
import { INVALID_DAY, parseTypedDay, today } from '../format/dates'
import { CreateKeyDocument } from '../gql/keys'
import { mutate } from '../graphql/client'
import { Problem } from '../graphql/problem'
import { PayerSelect } from '../groups/PayerSelect'
import { useViewer } from '../session/context'
import { DayField } from '../ui/DayField'
import { ProblemAlert } from '../ui/ProblemAlert'
import { useMutationForm } from '../ui/useMutationForm'
import { SCOPES } from './keyLabels'
import { EMPTY_KEY, toCreateInput, validateLimit, type NewKey } from './newKey'
import type { CreatedKey } from './SecretDialog'

const NUMBER = { placeholder: 'No limit', allowDecimal: false, allowNegative: false, thousandSeparator: ',' }

export default function CreateKeyForm({ onCreated }: { onCreated: (created: CreatedKey) => void }) {
  const { client, user } = useViewer()
  const [search, setSearch] = useState('')
  const models = useSearchedModels(useModels(), search).map(({ name }) => name)
  const day = useRef<HTMLInputElement>(null)
  const { form, submit, problem, isBusy } = useMutationForm<NewKey>(
    {
      initialValues: EMPTY_KEY,
      validate: {
        name: (name) => (name.trim() ? null : 'Enter a name'),
        scopes: (scopes) => (scopes.length > 0 ? null : 'Choose at least one'),
        // An incomplete day is null, and must not create a key that does not expire.
        expiresAt: (last) =>
          (day.current?.value ?? '') === '' || parseTypedDay(day.current?.value ?? '') === last ? null : INVALID_DAY,
        total: validateLimit,
        perDay: validateLimit,
        perMonth: validateLimit,
      },
    },
    async (values) => {
      const { secret, apiKey } = await mutate(client, CreateKeyDocument, { input: toCreateInput(values) })
      if (secret === null || apiKey === null) throw new Problem('INTERNAL', 'The server sent no key.')
      onCreated({ secret, key: apiKey })
    },
  )
  const scopes = SCOPES.filter(({ scope }) => scope !== 'ADMIN' || user.isStaff || user.isSuperuser)
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {problem && <ProblemAlert problem={problem} />}
        <TextInput
          label="Name"
          description="For example “VS Code, laptop”"
          autoComplete="off"
          data-autofocus
          {...form.getInputProps('name')}
        />
        <Checkbox.Group label="Permissions" {...form.getInputProps('scopes')}>
          <Stack gap="xs" mt="xs">
            {scopes.map(({ scope, label, description }) => (
              <Checkbox key={scope} value={scope} label={label} description={description} />
            ))}
          </Stack>
        </Checkbox.Group>
        <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
          <MultiSelect
            label="Models"
            description="Empty: all models"
            placeholder={form.values.models.length === 0 ? 'All' : ''}
            // What was chosen in the results of an earlier search stays.
            data={[...new Set([...models, ...form.values.models])]}
            searchable
            onSearchChange={setSearch}
            nothingFoundMessage="No such model"
            clearable
            clearButtonProps={{ 'aria-label': 'Clear models' }}
            {...form.getInputProps('models')}
          />
          <DayField
            label="Expires on"
            description="Empty: never"
            ref={day}
            excludeDate={(date) => date < today()}
            {...form.getInputProps('expiresAt')}
          />
        </SimpleGrid>
        <PayerSelect
          value={form.values.payerGroupId}
          onChange={(groupId) => form.setFieldValue('payerGroupId', groupId)}
          error={form.errors.payerGroupId}
        />
        <Input.Wrapper
          label="Spending limits"
          labelElement="div"
          description="In tokens. Days and months are in UTC."
          role="group"
          aria-label="Spending limits"
        >
          <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm" mt="xs">
            <NumberInput label="Total" {...NUMBER} {...form.getInputProps('total')} />
            <NumberInput label="Per month" {...NUMBER} {...form.getInputProps('perMonth')} />
            <NumberInput label="Per day" {...NUMBER} {...form.getInputProps('perDay')} />
          </SimpleGrid>
        </Input.Wrapper>
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            Create key
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

import { Button, Group, Input, NumberInput, SimpleGrid, Stack, Switch, Text, Textarea, TextInput } from '@mantine/core'
import { CreateModelDocument, UpdateModelDocument } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { useViewer } from '../../session/context'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { showToast } from '../../ui/toast'
import { useMutationForm } from '../../ui/useMutationForm'
import type { Model } from './lists'
import { createInput, modelValues, updateInput, validation, type ModelValues } from './modelForm'
import { AMOUNT, PriceFields } from './PriceFields'
import { RouteFields } from './RouteFields'

type Props = {
  /** Null for a new one. */
  model: Model | null
  onSaved: () => void
}

/** A form that adds a model, or changes one. */
export function ModelForm({ model, onSaved }: Props) {
  const { client } = useViewer()
  const { form, submit, problem, isBusy } = useMutationForm<ModelValues>(
    { initialValues: modelValues(model), validate: validation(model === null) },
    async (values) => {
      if (model) await mutate(client, UpdateModelDocument, { input: updateInput(model, values) })
      else await mutate(client, CreateModelDocument, { input: createInput(values) })
      showToast({ message: `Model ${values.name.trim()} ${model ? 'changed' : 'added'}.` })
      onSaved()
    },
  )
  return (
    <form onSubmit={submit} noValidate autoComplete="off">
      <Stack gap="sm">
        {problem && <ProblemAlert problem={problem} />}
        {!model && (
          <TextInput
            label="Name"
            description="What clients choose. It stays."
            maxLength={100}
            autoCapitalize="none"
            spellCheck={false}
            data-autofocus
            {...form.getInputProps('name')}
          />
        )}
        <TextInput
          label="Title"
          description="For people. Empty: the name"
          maxLength={80}
          {...form.getInputProps('title')}
        />
        <Textarea
          label="Description"
          description="What the model is good for"
          maxLength={300}
          autosize
          minRows={1}
          {...form.getInputProps('description')}
        />
        <RouteFields
          routes={form.values.routes}

          error={form.errors.routes}
          onChange={(routes) => form.setFieldValue('routes', routes)}
        />
        <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="sm" style={{ alignItems: 'end' }}>
          <NumberInput
            label="Context window"
            description="In model tokens"
            {...AMOUNT}
            {...form.getInputProps('contextWindow')}
          />
          <NumberInput
            label="Longest reply"
            description="In model tokens"
            {...AMOUNT}
            {...form.getInputProps('maxOutput')}
          />
          <NumberInput
            label="Messages at once"
            description="0: no limit"
            {...AMOUNT}
            {...form.getInputProps('maxConcurrent')}
          />
        </SimpleGrid>
        <Group gap="lg">
          <Switch label="Reads images" {...form.getInputProps('images', { type: 'checkbox' })} />
          <Switch label="Calls tools" {...form.getInputProps('tools', { type: 'checkbox' })} />
          <Switch label="Reasons" {...form.getInputProps('reasoning', { type: 'checkbox' })} />
        </Group>
        {!model && (
          <Input.Wrapper
            label="Price"
            labelElement="div"
            description="In tokens of a balance: per message, and per million model tokens"
            role="group"
            aria-label="Price"
          >
            <Stack gap={4} mt="xs">
              <PriceFields values={form.values.price} onChange={(price) => form.setFieldValue('price', price)} />
              {form.errors.price && (
                <Text size="sm" c="var(--mantine-color-error)" role="alert">
                  {form.errors.price}
                </Text>
              )}
            </Stack>
          </Input.Wrapper>
        )}
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            {model ? 'Save' : 'Add'}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

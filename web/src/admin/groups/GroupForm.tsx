import { Button, Group, Stack, Textarea, TextInput } from '@mantine/core'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { useMutationForm } from '../../ui/useMutationForm'

/** The texts of a group. */
export type GroupTexts = { name: string; description: string }

type Props = { initial?: GroupTexts; submitLabel: string; onSubmit: (texts: GroupTexts) => Promise<void> }

/** The form for the texts of a new group, or of one that is there. */
export function GroupForm({ initial = { name: '', description: '' }, submitLabel, onSubmit }: Props) {
  const { form, submit, problem, isBusy } = useMutationForm<GroupTexts>(
    {
      initialValues: { name: initial.name, description: initial.description },
      validate: { name: (name) => (name.trim() ? null : 'Enter a name') },
    },
    ({ name, description }) => onSubmit({ name: name.trim(), description: description.trim() }),
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        {problem && <ProblemAlert problem={problem} />}
        <TextInput label="Name" autoComplete="off" maxLength={100} data-autofocus {...form.getInputProps('name')} />
        <Textarea
          label="Description"
          description="Members can read it"
          autosize
          minRows={2}
          maxRows={6}
          maxLength={1000}
          {...form.getInputProps('description')}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            {submitLabel}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

import { Button, Group, PasswordInput, Stack, Switch, TextInput } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { CreateUserDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { useViewer } from '../session/context'
import { ProblemAlert } from '../ui/ProblemAlert'
import { useMutationForm } from '../ui/useMutationForm'

export function CreateUserForm({ onCreated }: { onCreated: () => void }) {
  const { client, user } = useViewer()
  const { form, submit, problem, isBusy } = useMutationForm(
    {
      initialValues: { username: '', password: '', staff: false, superuser: false },
      validate: {
        username: (value) => (value.trim() ? null : 'A name'),
        password: (value) => (value ? null : 'A password'),
      },
    },
    async (input) => {
      await mutate(client, CreateUserDocument, { input })
      notifications.show({ color: 'teal', message: `${input.username} has an account now.` })
      onCreated()
    },
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        {problem && <ProblemAlert problem={problem} />}
        <TextInput label="Name" autoComplete="off" data-autofocus {...form.getInputProps('username')} />
        <PasswordInput
          label="Password"
          description="At least 8 characters, and not easy to guess"
          autoComplete="new-password"
          {...form.getInputProps('password')}
        />
        {user.isSuperuser && (
          <>
            <Switch
              label="Staff: sees everybody, adjusts balances"
              {...form.getInputProps('staff', { type: 'checkbox' })}
            />
            <Switch label="Superuser: may do everything" {...form.getInputProps('superuser', { type: 'checkbox' })} />
          </>
        )}
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            Make the account
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

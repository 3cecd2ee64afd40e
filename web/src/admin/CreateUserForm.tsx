import { Button, Group, Stack, Switch, TextInput } from '@mantine/core'
import { ROLE_RIGHTS } from '../format/roles'
import { CreateUserDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { useViewer } from '../session/context'
import { ProblemAlert } from '../ui/ProblemAlert'
import { showToast } from '../ui/toast'
import { useMutationForm } from '../ui/useMutationForm'
import { NewPasswordField, OwnPasswordField } from './PasswordFields'

export function CreateUserForm({ onCreated }: { onCreated: () => void }) {
  const { client, user } = useViewer()
  const { form, submit, problem, isBusy } = useMutationForm(
    {
      initialValues: { username: '', password: '', staff: false, superuser: false, ownPassword: '' },
      validate: {
        username: (value) => (value.trim() ? null : 'Enter a username'),
        password: (value) => (value ? null : 'Enter a password'),
        ownPassword: (value, values) => (value || !hasRole(values) ? null : 'Enter your password'),
      },
    },
    async ({ ownPassword, ...input }) => {
      await mutate(client, CreateUserDocument, { input: { ...input, ...(hasRole(input) && { ownPassword }) } })
      showToast({ message: `User ${input.username} created.` })
      onCreated()
    },
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        {problem && <ProblemAlert problem={problem} />}
        <TextInput label="Username" autoComplete="off" data-autofocus {...form.getInputProps('username')} />
        <NewPasswordField
          label="Password"
          description="At least 8 characters, not easy to guess"
          {...form.getInputProps('password')}
        />
        {user.isSuperuser && (
          <>
            <Switch
              label="Staff"
              description={ROLE_RIGHTS.staff}
              {...form.getInputProps('staff', { type: 'checkbox' })}
            />
            <Switch
              label="Superuser"
              description={ROLE_RIGHTS.superuser}
              {...form.getInputProps('superuser', { type: 'checkbox' })}
            />
          </>
        )}
        {hasRole(form.values) && <OwnPasswordField {...form.getInputProps('ownPassword')} />}
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            Create user
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function hasRole({ staff, superuser }: { staff: boolean; superuser: boolean }): boolean {
  return staff || superuser
}

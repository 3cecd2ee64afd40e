import { Button, Group, Stack } from '@mantine/core'
import { isOperator } from '../format/roles'
import { SetPasswordDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { useViewer } from '../session/context'
import { ProblemAlert } from '../ui/ProblemAlert'
import { useMutationForm } from '../ui/useMutationForm'
import type { User } from './lists'
import { NewPasswordField, OwnPasswordField } from './PasswordFields'

export function SetPasswordForm({ user, onSet }: { user: User; onSet: () => void }) {
  const { client } = useViewer()
  // With the password of an operator one is that operator.
  const needsOwn = isOperator(user)
  const { form, submit, problem, isBusy } = useMutationForm(
    {
      initialValues: { password: '', ownPassword: '' },
      validate: {
        password: (value) => (value ? null : 'Enter a password'),
        ownPassword: (value) => (value || !needsOwn ? null : 'Enter your password'),
      },
    },
    async ({ password, ownPassword }) => {
      await mutate(client, SetPasswordDocument, {
        input: { userId: user.id, password, ...(needsOwn && { ownPassword }) },
      })
      onSet()
    },
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        {problem && <ProblemAlert problem={problem} />}
        <NewPasswordField
          label="New password"
          description="Logs the user out of all devices."
          data-autofocus
          {...form.getInputProps('password')}
        />
        {needsOwn && <OwnPasswordField {...form.getInputProps('ownPassword')} />}
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            Set password
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

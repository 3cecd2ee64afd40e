import { Button, Group, PasswordInput, Stack } from '@mantine/core'
import { SetPasswordDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { useViewer } from '../session/context'
import { ProblemAlert } from '../ui/ProblemAlert'
import { useMutationForm } from '../ui/useMutationForm'

export function SetPasswordForm({ userId, onSet }: { userId: string; onSet: () => void }) {
  const { client } = useViewer()
  const { form, submit, problem, isBusy } = useMutationForm(
    { initialValues: { password: '' }, validate: { password: (value) => (value ? null : 'Enter a password') } },
    async ({ password }) => {
      await mutate(client, SetPasswordDocument, { input: { userId, password } })
      onSet()
    },
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        {problem && <ProblemAlert problem={problem} />}
        <PasswordInput
          label="New password"
          description="Logs the user out of all devices."
          autoComplete="new-password"
          data-autofocus
          {...form.getInputProps('password')}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            Set password
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

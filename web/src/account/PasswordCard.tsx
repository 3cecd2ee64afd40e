import { Button, Group, PasswordInput, Stack } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { ChangePasswordDocument } from '../gql/account'
import { mutate } from '../graphql/client'
import { useSession, useViewer } from '../session/context'
import { ProblemAlert } from '../ui/ProblemAlert'
import { Section } from '../ui/Section'
import { useMutationForm } from '../ui/useMutationForm'

export function PasswordCard() {
  const session = useSession()
  const { client, user } = useViewer()
  const { form, submit, problem, isBusy } = useMutationForm(
    {
      initialValues: { oldPassword: '', newPassword: '' },
      validate: {
        oldPassword: (value) => (value ? null : 'Your password until now'),
        newPassword: (value) => (value ? null : 'A new password'),
      },
    },
    async (input) => {
      const { accessToken } = await mutate(client, ChangePasswordDocument, { input })
      // All sessions are revoked; this token belongs to the one that replaces the current session.
      if (accessToken) session.acceptToken(accessToken)
      notifications.show({
        color: 'teal',
        title: 'Your password is changed',
        message: 'All other devices are logged out.',
      })
    },
  )
  return (
    <Section title="Password" description="Changing it logs out all other devices.">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          {problem && <ProblemAlert problem={problem} />}
          {/* The username, for password managers. */}
          <input type="text" name="username" autoComplete="username" value={user.username} readOnly hidden />
          <PasswordInput
            label="Password until now"
            autoComplete="current-password"
            {...form.getInputProps('oldPassword')}
          />
          <PasswordInput label="New password" autoComplete="new-password" {...form.getInputProps('newPassword')} />
          <Group>
            <Button type="submit" loading={isBusy}>
              Change it
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  )
}

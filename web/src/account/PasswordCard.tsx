import { Button, Group, Stack } from '@mantine/core'
import { ChangePasswordDocument } from '../gql/account'
import { mutate } from '../graphql/client'
import { useSession, useViewer } from '../session/context'
import { passwordRuleLines } from '../session/credentialRules'
import { useServerRules } from '../session/serverRules'
import { PasswordField } from '../ui/PasswordField'
import { ProblemAlert } from '../ui/ProblemAlert'
import { RuleList } from '../ui/RuleList'
import { Section } from '../ui/Section'
import { showToast } from '../ui/toast'
import { useMutationForm } from '../ui/useMutationForm'
import { validateNewPassword } from './newPassword'

export function PasswordCard({ onChanged }: { onChanged: () => void }) {
  const session = useSession()
  const { client, user } = useViewer()
  const rules = useServerRules()
  const { form, submit, problem, isBusy } = useMutationForm(
    {
      initialValues: { oldPassword: '', newPassword: '' },
      validate: {
        oldPassword: (value) => (value ? null : 'Enter your current password'),
        newPassword: (value, { oldPassword }) => validateNewPassword(value, oldPassword, rules?.passwordRules),
      },
    },
    async (input) => {
      const { accessToken } = await mutate(client, ChangePasswordDocument, { input })
      // All sessions are revoked; this token belongs to the one that replaces the current session.
      if (accessToken) session.acceptToken(accessToken)
      showToast({ message: 'Password changed. All other devices are logged out.' })
      onChanged()
    },
  )
  return (
    <Section title="Password" description="Changing it logs out all other devices. API keys keep working.">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          {problem && <ProblemAlert problem={problem} />}
          {/* The username, for password managers. */}
          <input type="text" name="username" autoComplete="username" value={user.username} readOnly hidden />
          <PasswordField
            label="Current password"
            autoComplete="current-password"
            {...form.getInputProps('oldPassword')}
          />
          <PasswordField
            label="New password"
            autoComplete="new-password"
            description={rules ? <RuleList lines={passwordRuleLines(rules.passwordRules)} /> : undefined}
            descriptionProps={{ component: 'div' }}
            {...form.getInputProps('newPassword')}
          />
          <Group>
            <Button type="submit" loading={isBusy}>
              Change password
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  )
}

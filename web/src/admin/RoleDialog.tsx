import { Button, Group, Modal, Stack, Text } from '@mantine/core'
import { UpdateUserDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { useViewer } from '../session/context'
import { ProblemAlert } from '../ui/ProblemAlert'
import { showToast } from '../ui/toast'
import { useLast } from '../ui/useLast'
import { useMutationForm } from '../ui/useMutationForm'
import type { User } from './lists'
import { OwnPasswordField } from './PasswordFields'
import { roleQuestion, type Role } from './roleQuestion'

/** A change of a role that is asked for. */
export type RoleChange = { role: Role; granted: boolean }

type Props = { user: User; change: RoleChange | null; onClose: () => void; onChanged: () => void }

/** Asks for the operator's own password before a role changes. */
export function RoleDialog({ user, change, onClose, onChanged }: Props) {
  const shown = useLast(change)
  return (
    <Modal
      opened={change !== null}
      onClose={onClose}
      title={shown && roleQuestion(user.username, shown.role, shown.granted).title}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {change && <RoleForm user={user} change={change} onClose={onClose} onChanged={onChanged} />}
    </Modal>
  )
}

function RoleForm({ user, change: { role, granted }, onClose, onChanged }: Props & { change: RoleChange }) {
  const { client } = useViewer()
  const { text, confirm, done } = roleQuestion(user.username, role, granted)
  const { form, submit, problem, isBusy } = useMutationForm(
    {
      initialValues: { ownPassword: '' },
      validate: { ownPassword: (value) => (value ? null : 'Enter your password') },
    },
    async ({ ownPassword }) => {
      await mutate(client, UpdateUserDocument, { input: { userId: user.id, [role]: granted, ownPassword } })
      onClose()
      showToast({ message: done })
      onChanged()
    },
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        {problem && <ProblemAlert problem={problem} />}
        <Text size="sm">{text}</Text>
        <OwnPasswordField data-autofocus {...form.getInputProps('ownPassword')} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" color="red" loading={isBusy}>
            {confirm}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

import { Button, Group, Modal, Stack, Switch, Text } from '@mantine/core'
import { useRef, useState } from 'react'
import { Link } from 'react-router'
import { ROLE_RIGHTS } from '../format/roles'
import { AdjustBalanceDocument, UpdateUserDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { IdempotentRequest } from '../graphql/retry'
import { useViewer } from '../session/context'
import { confirmDanger } from '../ui/confirm'
import { showToast } from '../ui/toast'
import { AdjustForm, type Adjustment } from './AdjustForm'
import type { User } from './lists'
import { roleQuestion, type Role } from './roleQuestion'
import { SetPasswordForm } from './SetPasswordForm'
import { userPath } from './UserName'
import { useSetActive } from './useSetActive'

type Props = { user: User; onChanged: () => void }

export function UserActions({ user, onChanged }: Props) {
  const { client, user: viewer } = useViewer()
  const [dialog, setDialog] = useState<'balance' | 'password' | null>(null)
  const { activate, deactivate, isBusy } = useSetActive(onChanged)
  const [isChangingRole, setChangingRole] = useState(false)
  const isSelf = user.id === viewer.id
  const request = useRef(new IdempotentRequest())

  const changeRole = (role: Role, granted: boolean) => {
    const { done, ...question } = roleQuestion(user.username, role, granted)
    const change = async () => {
      setChangingRole(true)
      try {
        await mutate(client, UpdateUserDocument, { input: { userId: user.id, [role]: granted } })
        showToast({ message: done })
        onChanged()
      } finally {
        setChangingRole(false)
      }
    }
    confirmDanger({ ...question, run: change })
  }
  const adjust = async ({ amount, reason }: Adjustment) => {
    await request.current.run([amount, reason], (idempotencyKey) =>
      mutate(client, AdjustBalanceDocument, { input: { userId: user.id, amount, reason, idempotencyKey } }),
    )
    setDialog(null)
    onChanged()
  }
  const passwordSet = () => {
    setDialog(null)
    onChanged()
    showToast({ message: 'Password set. All devices are logged out.' })
  }

  return (
    <Stack>
      <Group gap="xs">
        <Button onClick={() => setDialog('balance')}>Adjust balance…</Button>
        <Button
          variant="default"
          loading={isBusy}
          disabled={isSelf && user.isActive}
          onClick={() => (user.isActive ? deactivate([user]) : activate([user]))}
        >
          {user.isActive ? 'Deactivate…' : 'Activate'}
        </Button>
        <Button variant="default" onClick={() => setDialog('password')}>
          Set password…
        </Button>
        <Button component={Link} to={`${userPath(user.id)}/delete`} color="red" variant="outline">
          Delete…
        </Button>
      </Group>
      {isSelf && (
        <Text size="xs" c="dimmed">
          You can’t deactivate your own account.
        </Text>
      )}
      <Switch
        label="Staff"
        description={ROLE_RIGHTS.staff}
        checked={user.isStaff}
        disabled={!viewer.isSuperuser || isChangingRole}
        onChange={(event) => changeRole('staff', event.currentTarget.checked)}
      />
      <Switch
        label="Superuser"
        description={ROLE_RIGHTS.superuser}
        checked={user.isSuperuser}
        disabled={!viewer.isSuperuser || isChangingRole}
        onChange={(event) => changeRole('superuser', event.currentTarget.checked)}
      />
      {!viewer.isSuperuser && (
        <Text size="xs" c="dimmed">
          Only superusers can change roles.
        </Text>
      )}
      <Modal
        opened={dialog !== null}
        onClose={() => setDialog(null)}
        title={dialog === 'password' ? `Password of ${user.username}` : `Balance of ${user.username}`}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {dialog === 'balance' && <AdjustForm current={user.balance.tokens} onSubmit={adjust} />}
        {dialog === 'password' && <SetPasswordForm userId={user.id} onSet={passwordSet} />}
      </Modal>
    </Stack>
  )
}

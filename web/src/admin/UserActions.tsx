import { Button, Group, Modal, Stack, Switch, Text } from '@mantine/core'
import { useRef, useState } from 'react'
import { Link } from 'react-router'
import { formatSigned } from '../format/numbers'
import { ROLE_RIGHTS } from '../format/roles'
import { AdjustBalanceDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { IdempotentRequest } from '../graphql/retry'
import { useViewer } from '../session/context'
import { showToast } from '../ui/toast'
import { useLast } from '../ui/useLast'
import { AdjustForm, type Adjustment } from './AdjustForm'
import { PRESETS } from './adjustment'
import type { User } from './lists'
import { RoleDialog, type RoleChange } from './RoleDialog'
import { SetPasswordForm } from './SetPasswordForm'
import { useLogOutUser } from './useLogOutUser'
import { userPath } from './UserName'
import { useSetActive } from './useSetActive'

type Props = { user: User; onChanged: () => void }

type Dialog = { kind: 'balance'; amount?: number } | { kind: 'password' }

export function UserActions({ user, onChanged }: Props) {
  const { client, user: viewer } = useViewer()
  const [dialog, setDialog] = useState<Dialog | null>(null)
  const shown = useLast(dialog)
  const { activate, deactivate, isBusy } = useSetActive(user, onChanged)
  const logOut = useLogOutUser(user, onChanged)
  const [roleChange, setRoleChange] = useState<RoleChange | null>(null)
  const isSelf = user.id === viewer.id
  const request = useRef(new IdempotentRequest())

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
        <Button onClick={() => setDialog({ kind: 'balance' })}>Adjust balance…</Button>
        {PRESETS.map((amount) => (
          <Button
            key={amount}
            variant="light"
            aria-label={`Top up by ${formatSigned(amount)}…`}
            onClick={() => setDialog({ kind: 'balance', amount })}
          >
            {formatSigned(amount)}…
          </Button>
        ))}
      </Group>
      <Group gap="xs">
        <Button
          variant="default"
          loading={isBusy}
          disabled={isSelf && user.isActive}
          onClick={user.isActive ? deactivate : activate}
        >
          {user.isActive ? 'Deactivate…' : 'Activate'}
        </Button>
        <Button variant="default" onClick={() => setDialog({ kind: 'password' })}>
          Set password…
        </Button>
        <Button variant="default" onClick={logOut}>
          Log out everywhere…
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
        disabled={!viewer.isSuperuser}
        onChange={(event) => setRoleChange({ role: 'staff', granted: event.currentTarget.checked })}
      />
      <Switch
        label="Superuser"
        description={ROLE_RIGHTS.superuser}
        checked={user.isSuperuser}
        disabled={!viewer.isSuperuser}
        onChange={(event) => setRoleChange({ role: 'superuser', granted: event.currentTarget.checked })}
      />
      {!viewer.isSuperuser && (
        <Text size="xs" c="dimmed">
          Only superusers can change roles.
        </Text>
      )}
      <Modal
        opened={dialog !== null}
        onClose={() => setDialog(null)}
        title={shown?.kind === 'password' ? `Password of ${user.username}` : `Balance of ${user.username}`}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {dialog?.kind === 'balance' && (
          <AdjustForm current={user.balance.tokens} amount={dialog.amount} onSubmit={adjust} />
        )}
        {dialog?.kind === 'password' && <SetPasswordForm user={user} onSet={passwordSet} />}
      </Modal>
      <RoleDialog user={user} change={roleChange} onClose={() => setRoleChange(null)} onChanged={onChanged} />
    </Stack>
  )
}

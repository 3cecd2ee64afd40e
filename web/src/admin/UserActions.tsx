import { Button, Group, Modal, Stack, Switch, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useRef, useState } from 'react'
import { Link } from 'react-router'
import { AdjustBalanceDocument, UpdateUserDocument, type UpdateUserInput } from '../gql/admin'
import { mutate } from '../graphql/client'
import { IdempotentRequest } from '../graphql/retry'
import { useViewer } from '../session/context'
import { notifyProblem } from '../ui/confirm'
import { AdjustForm, type Adjustment } from './AdjustForm'
import type { User } from './lists'
import { SetPasswordForm } from './SetPasswordForm'
import { userPath } from './UserName'

type Props = { user: User; onChanged: () => void }

export function UserActions({ user, onChanged }: Props) {
  const { client, user: viewer } = useViewer()
  const [dialog, setDialog] = useState<'balance' | 'password' | null>(null)
  const [isBusy, setBusy] = useState(false)
  const request = useRef(new IdempotentRequest())

  const update = async (change: Omit<UpdateUserInput, 'userId'>) => {
    setBusy(true)
    await mutate(client, UpdateUserDocument, { input: { userId: user.id, ...change } }).then(onChanged, notifyProblem)
    setBusy(false)
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
    notifications.show({ color: 'teal', message: 'The password is set, and all devices are logged out.' })
  }

  return (
    <Stack>
      <Group gap="xs">
        <Button onClick={() => setDialog('balance')}>Adjust the balance…</Button>
        <Button variant="default" loading={isBusy} onClick={() => void update({ active: !user.isActive })}>
          {user.isActive ? 'Deactivate' : 'Activate'}
        </Button>
        <Button variant="default" onClick={() => setDialog('password')}>
          Set the password…
        </Button>
        <Button component={Link} to={`${userPath(user.id)}/delete`} color="red" variant="outline">
          Delete…
        </Button>
      </Group>
      <Switch
        label="Staff: sees everybody, adjusts balances"
        checked={user.isStaff}
        disabled={!viewer.isSuperuser || isBusy}
        onChange={(event) => void update({ staff: event.currentTarget.checked })}
      />
      <Switch
        label="Superuser: may do everything"
        checked={user.isSuperuser}
        disabled={!viewer.isSuperuser || isBusy}
        onChange={(event) => void update({ superuser: event.currentTarget.checked })}
      />
      {!viewer.isSuperuser && (
        <Text size="xs" c="dimmed">
          Roles are for superusers to change.
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

import { Button, Modal, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useRef } from 'react'
import { formatCount, pluralize } from '../format/numbers'
import { formatTokens } from '../format/prices'
import { AdjustBalanceDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { randomKey } from '../graphql/retry'
import { useViewer } from '../session/context'
import { AdjustForm, type Adjustment } from './AdjustForm'
import { BulkBar } from './BulkBar'
import type { User } from './lists'
import { useBulk } from './useBulk'
import { useSetActive } from './useSetActive'

type Props = { users: User[]; onDone: () => void }

export function UserBulk({ users, onDone }: Props) {
  const { client, user: viewer } = useViewer()
  const { run, isBusy: isSending } = useBulk<User>(({ username }) => username)
  const { activate, deactivate, isBusy: isSetting } = useSetActive(onDone)
  const [isAdjusting, adjusting] = useDisclosure(false)
  // One idempotency key per user and form, so that a retry of the form adjusts no balance twice.
  const key = useRef(randomKey())
  const isBusy = isSending || isSetting
  const inactive = users.filter(({ isActive }) => !isActive)
  // One's own account stays active.
  const deactivatable = users.filter(({ id, isActive }) => isActive && id !== viewer.id)

  const adjust = async ({ amount, reason }: Adjustment) => {
    await run(users, {
      work: ({ id }) =>
        mutate(client, AdjustBalanceDocument, {
          input: { userId: id, amount, reason, idempotencyKey: `${key.current}-${id}` },
        }),
      done: (rows) =>
        amount > 0
          ? `Added ${formatTokens(amount)} to ${pluralize(rows.length, 'user')}.`
          : `Removed ${formatTokens(-amount)} from ${pluralize(rows.length, 'user')}.`,
    })
    key.current = randomKey()
    adjusting.close()
    onDone()
  }

  return (
    <BulkBar selected={pluralize(users.length, 'user')}>
      <Button size="xs" variant="default" disabled={isBusy || inactive.length === 0} onClick={() => activate(inactive)}>
        Activate {inactive.length > 0 && formatCount(inactive.length)}
      </Button>
      <Button
        size="xs"
        variant="default"
        disabled={isBusy || deactivatable.length === 0}
        onClick={() => deactivate(deactivatable)}
      >
        Deactivate {deactivatable.length > 0 && formatCount(deactivatable.length)}…
      </Button>
      <Button size="xs" variant="default" disabled={isBusy} onClick={adjusting.open}>
        Adjust balances…
      </Button>
      {users.some(({ id }) => id === viewer.id) && (
        <Text size="xs" c="dimmed">
          Your own account stays active.
        </Text>
      )}
      <Modal
        opened={isAdjusting}
        onClose={adjusting.close}
        title={`Adjust the balances of ${pluralize(users.length, 'user')}`}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <AdjustForm current={null} names={users.map(({ username }) => username)} onSubmit={adjust} />
      </Modal>
    </BulkBar>
  )
}

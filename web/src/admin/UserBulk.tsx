import { Button, Modal } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useRef } from 'react'
import { pluralize } from '../format/numbers'
import { AdjustBalanceDocument, UpdateUserDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { randomKey } from '../graphql/retry'
import { useViewer } from '../session/context'
import { AdjustForm, type Adjustment } from './AdjustForm'
import { BulkBar } from './BulkBar'
import type { User } from './lists'
import { useBulk } from './useBulk'

type Props = { users: User[]; onDone: () => void }

export function UserBulk({ users, onDone }: Props) {
  const { client } = useViewer()
  const { run, isBusy } = useBulk(users, ({ username }) => username)
  const [isAdjusting, adjusting] = useDisclosure(false)
  // One idempotency key per user and form, so that a retry of the form adjusts no balance twice.
  const key = useRef(randomKey())

  const setActive = async (active: boolean) => {
    await run(({ id }) => mutate(client, UpdateUserDocument, { input: { userId: id, active } }))
    onDone()
  }
  const adjust = async ({ amount, reason }: Adjustment) => {
    await run(({ id }) =>
      mutate(client, AdjustBalanceDocument, {
        input: { userId: id, amount, reason, idempotencyKey: `${key.current}-${id}` },
      }),
    )
    key.current = randomKey()
    adjusting.close()
    onDone()
  }

  return (
    <BulkBar selected={pluralize(users.length, 'user')}>
      <Button size="xs" variant="default" disabled={isBusy} onClick={() => void setActive(true)}>
        Activate
      </Button>
      <Button size="xs" variant="default" disabled={isBusy} onClick={() => void setActive(false)}>
        Deactivate
      </Button>
      <Button size="xs" variant="default" disabled={isBusy} onClick={adjusting.open}>
        Adjust the balances…
      </Button>
      <Modal
        opened={isAdjusting}
        onClose={adjusting.close}
        title={`Adjust the balances of ${pluralize(users.length, 'user')}`}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <AdjustForm current={null} onSubmit={adjust} />
      </Modal>
    </BulkBar>
  )
}

import { Button, Group, Modal, Paper, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
import { useRef, useState } from 'react'
import { randomKey } from '../chat/sending'
import { AdjustBalanceDocument, UpdateUserDocument } from '../gql/admin'
import { perform } from '../graphql/client'
import { useViewer } from '../session/context'
import { plural } from '../text/numbers'
import { AdjustForm, type Adjustment } from './AdjustForm'
import { bulkInWords, forEach } from './bulk'
import type { User } from './lists'

type Props = { users: User[]; onDone: () => void }

/** What can be done to many at once. */
export function BulkBar({ users, onDone }: Props) {
  const { client } = useViewer()
  const [isBusy, setBusy] = useState(false)
  const [isAdjusting, adjusting] = useDisclosure(false)
  // One key for each user and form, so that sending the form again adjusts nobody twice.
  const key = useRef(randomKey())

  const run = async (work: (user: User) => Promise<unknown>) => {
    setBusy(true)
    const result = await forEach(users, work)
    setBusy(false)
    notifications.show({ color: result.failed.length > 0 ? 'orange' : 'teal', message: bulkInWords(result) })
    onDone()
  }
  const setActive = (active: boolean) =>
    run(({ id }) => perform(client, UpdateUserDocument, { input: { userId: id, active } }))
  const adjust = async ({ amount, reason }: Adjustment) => {
    await run(({ id }) =>
      perform(client, AdjustBalanceDocument, {
        input: { userId: id, amount, reason, idempotencyKey: `${key.current}-${id}` },
      }),
    )
    key.current = randomKey()
    adjusting.close()
  }

  return (
    <Paper withBorder px="md" py="xs" role="region" aria-label="With those who are selected">
      <Group gap="sm">
        <Text size="sm">{plural(users.length, 'user')}:</Text>
        <Button size="xs" variant="default" disabled={isBusy} onClick={() => void setActive(true)}>
          Activate
        </Button>
        <Button size="xs" variant="default" disabled={isBusy} onClick={() => void setActive(false)}>
          Deactivate
        </Button>
        <Button size="xs" variant="default" disabled={isBusy} onClick={adjusting.open}>
          Adjust the balances…
        </Button>
      </Group>
      <Modal
        opened={isAdjusting}
        onClose={adjusting.close}
        title={`Adjust the balances of ${plural(users.length, 'user')}`}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <AdjustForm current={null} onSubmit={adjust} />
      </Modal>
    </Paper>
  )
}

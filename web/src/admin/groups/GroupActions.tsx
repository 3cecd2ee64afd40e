import { Button, Group, Modal, Stack, Text } from '@mantine/core'
import { useRef, useState } from 'react'
import { useNavigate } from 'react-router'
import { AdjustGroupBalanceDocument, DeleteGroupDocument, UpdateGroupDocument } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { IdempotentRequest } from '../../graphql/retry'
import { useViewer } from '../../session/context'
import { confirmDanger } from '../../ui/confirm'
import { showToast } from '../../ui/toast'
import { useLast } from '../../ui/useLast'
import { AdjustForm, type Adjustment } from '../AdjustForm'
import { deletionText } from './deletionText'
import { GroupForm, type GroupTexts } from './GroupForm'
import type { AdminGroup } from './GroupPage'

type Props = { group: AdminGroup; onChanged: () => void }

/** What an operator may do with a group as a whole. */
export function GroupActions({ group, onChanged }: Props) {
  const { client } = useViewer()
  const navigate = useNavigate()
  const [dialog, setDialog] = useState<'balance' | 'texts' | null>(null)
  const shown = useLast(dialog)
  const request = useRef(new IdempotentRequest())
  const { id: groupId, name } = group

  const adjust = async ({ amount, reason }: Adjustment) => {
    await request.current.run([groupId, amount, reason], (idempotencyKey) =>
      mutate(client, AdjustGroupBalanceDocument, { input: { groupId, amount, reason, idempotencyKey } }),
    )
    setDialog(null)
    onChanged()
  }
  const update = async (texts: GroupTexts) => {
    await mutate(client, UpdateGroupDocument, { input: { groupId, ...texts } })
    setDialog(null)
    onChanged()
  }
  const remove = () =>
    confirmDanger({
      title: `Delete the group ${name}?`,
      text: deletionText(group),
      confirm: 'Delete group',
      run: async () => {
        await mutate(client, DeleteGroupDocument, { input: { groupId } })
        showToast({ message: `Group ${name} deleted.` })
        void navigate('/admin/groups')
      },
    })

  return (
    <Stack>
      <Group gap="xs">
        <Button onClick={() => setDialog('balance')}>Adjust balance…</Button>
        <Button variant="default" onClick={() => setDialog('texts')}>
          Edit…
        </Button>
        <Button color="red" variant="outline" disabled={group.isDefault} onClick={remove}>
          Delete…
        </Button>
      </Group>
      {group.isDefault && (
        <Text size="xs" c="dimmed">
          Everyone belongs to the default group. It can’t be deleted, and pays for no one while its balance is empty.
        </Text>
      )}
      <Modal
        opened={dialog !== null}
        onClose={() => setDialog(null)}
        title={shown === 'texts' ? `Edit ${name}` : `Balance of ${name}`}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {dialog === 'balance' && (
          <AdjustForm current={group.balance?.tokens ?? 0} readers="Managers of the group" onSubmit={adjust} />
        )}
        {dialog === 'texts' && <GroupForm initial={group} submitLabel="Save" onSubmit={update} />}
      </Modal>
    </Stack>
  )
}

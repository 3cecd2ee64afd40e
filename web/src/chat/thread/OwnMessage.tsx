import { ActionIcon, Group, Tooltip } from '@mantine/core'
import { IconPencil, IconTrash } from '@tabler/icons-react'
import { DeleteChatDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { useViewer } from '../../session/context'
import { confirmDanger } from '../../ui/confirm'
import { CopyAction } from '../../ui/CopyAction'
import type { Chat } from '../chat'
import { Bubble } from './Bubble'
import classes from './thread.module.css'

type Props = { chat: Chat; isLast: boolean; onEdit: () => void; onDeleted: () => void }

export function OwnMessage({ chat, isLast, onEdit, onDeleted }: Props) {
  const { client } = useViewer()
  const isPending = chat.status === 'PENDING'

  const remove = () =>
    confirmDanger({
      title: 'Delete this message and its answer?',
      text: deletionText(chat, isLast),
      confirm: 'Delete',
      run: async () => {
        await mutate(client, DeleteChatDocument, { input: { chatId: chat.id } })
        onDeleted()
      },
    })

  return (
    <div className={classes.own}>
      <Bubble>{chat.message}</Bubble>
      <Group gap={2} mt={4} className={classes.actions}>
        <CopyAction text={chat.message} noun="message" />
        {!isPending && (
          <Tooltip label="Edit">
            <ActionIcon variant="subtle" color="gray" size="sm" aria-label="Edit the message" onClick={onEdit}>
              <IconPencil size={15} />
            </ActionIcon>
          </Tooltip>
        )}
        <Tooltip label="Delete">
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label="Delete the message and its answer"
            onClick={remove}
          >
            <IconTrash size={15} />
          </ActionIcon>
        </Tooltip>
      </Group>
    </div>
  )
}

function deletionText({ status, versions }: Chat, isLast: boolean): string {
  const sentences = [
    status === 'PENDING' && 'The answer is stopped first, and you are charged for the part you received.',
    versions && (isLast ? 'Another version of it takes its place.' : 'Its other versions leave this chat with it.'),
    'Charges stay in your history.',
  ]
  return sentences.filter(Boolean).join(' ')
}

import { Button } from '@mantine/core'
import { pluralize } from '../format/numbers'
import { DeleteChatDocument } from '../gql/chat'
import { mutate } from '../graphql/client'
import { useViewer } from '../session/context'
import { confirmDanger } from '../ui/confirm'
import { BulkBar } from './BulkBar'
import { deletionSummary, describeChat } from './chatLabels'
import type { ChatRow } from './lists'
import { useBulk } from './useBulk'

type Props = { chats: ChatRow[]; onDeleted: (ids: ReadonlySet<string>) => void }

export function ChatBulk({ chats, onDeleted }: Props) {
  const { client } = useViewer()
  const { run, isBusy } = useBulk<ChatRow>(describeChat)

  const removeAll = async () => {
    const deletedIds = new Set<string>()
    await run(chats, {
      work: async ({ id }) => {
        await mutate(client, DeleteChatDocument, { input: { chatId: id } })
        deletedIds.add(id)
      },
      done: (rows) => `${pluralize(rows.length, 'message')} deleted.`,
    })
    onDeleted(deletedIds)
  }
  const ask = () =>
    confirmDanger({
      title: `Delete ${pluralize(chats.length, 'message')}?`,
      names: chats.map(describeChat),
      text: deletionSummary(chats),
      confirm: 'Delete',
      run: removeAll,
    })

  return (
    <BulkBar selected={pluralize(chats.length, 'message')}>
      <Button size="xs" variant="outline" color="red" loading={isBusy} onClick={ask}>
        Delete…
      </Button>
    </BulkBar>
  )
}

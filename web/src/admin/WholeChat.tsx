import { Anchor, Button, Divider, Group, Stack } from '@mantine/core'
import { Link } from 'react-router'
import { ChatText } from '../chat/ChatText'
import { DeleteChatDocument } from '../gql/chat'
import { perform } from '../graphql/client'
import { useViewer } from '../session/context'
import { count } from '../text/numbers'
import { tokens } from '../text/prices'
import { confirmDanger } from '../ui/confirm'
import { Facts, type Fact } from '../ui/Facts'
import { Moment } from '../ui/Moment'
import { auditPath } from './AuditTable'
import { ChatStatusBadge } from './ChatStatusBadge'
import { whatGoes } from './chatWords'
import type { ChatRow } from './lists'
import { PaidUnder } from './PaidUnder'
import { UserName } from './UserName'

type Props = { chat: ChatRow; onDeleted: () => void }

export function WholeChat({ chat, onDeleted }: Props) {
  const { client } = useViewer()
  const { usage } = chat

  const remove = () =>
    confirmDanger({
      title: `Delete this chat of ${chat.user?.username ?? 'somebody'}?`,
      text: whatGoes([chat]),
      confirm: 'Delete',
      run: async () => {
        await perform(client, DeleteChatDocument, { input: { chatId: chat.id } })
        onDeleted()
      },
    })

  return (
    <Stack>
      <Facts
        facts={[
          ['User', <UserName key="user" user={chat.user} name={chat.user?.username ?? 'deleted'} />],
          ['Model', chat.model],
          ['Status', <ChatStatusBadge key="status" status={chat.status} />],
          ['Came', <Moment key="came" iso={chat.createdAt} />],
          ['Ended', chat.finishedAt ? <Moment key="ended" iso={chat.finishedAt} /> : 'not yet'],
          ['Cost', `${tokens(chat.cost)} of ${tokens(chat.hold)} held`],
          ...(chat.apiKeyId ? [['Paid', <PaidUnder key="paid" apiKeyId={chat.apiKeyId} />] as Fact] : []),
          [
            'Usage',
            usage
              ? `${count(usage.input)} in, ${count(usage.output)} out${usage.estimated ? ' (estimated)' : ''}`
              : 'none',
          ],
          ...(chat.error ? [['Error', `${chat.error.message} (${chat.error.code})`] as Fact] : []),
          ...(chat.replacedById ? [['Replaced', 'by a later version'] as Fact] : []),
        ]}
      />
      <Divider />
      <ChatText message={chat.message} response={chat.response} />
      <Divider />
      <Group justify="space-between">
        <Anchor component={Link} to={auditPath(chat.id)} size="sm">
          In the audit trail
        </Anchor>
        <Button variant="outline" color="red" onClick={remove}>
          Delete…
        </Button>
      </Group>
    </Stack>
  )
}

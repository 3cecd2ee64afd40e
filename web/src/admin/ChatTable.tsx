import { Anchor, Badge, Divider, Modal, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { ChatText } from '../chat/ChatText'
import type { Pages } from '../graphql/usePages'
import { count } from '../text/numbers'
import { tokens } from '../text/prices'
import { Facts } from '../ui/Facts'
import { Moment } from '../ui/Moment'
import { RowsTable, type Column } from '../ui/RowsTable'
import type { ChatRow } from './lists'
import { UserName } from './UserName'

const COLOURS: Record<ChatRow['status'], string> = {
  DONE: 'teal',
  FAILED: 'red',
  INTERRUPTED: 'orange',
  PENDING: 'blue',
  STOPPED: 'gray',
}

function columns(read: (chat: ChatRow) => void, withUser: boolean): Column<ChatRow>[] {
  const user: Column<ChatRow> = {
    header: 'User',
    cell: (chat) => <UserName user={chat.user} name={chat.user?.username ?? 'deleted'} />,
  }
  return [
    { header: 'When', cell: ({ createdAt }) => <Moment iso={createdAt} /> },
    ...(withUser ? [user] : []),
    {
      header: 'Message',
      cell: (chat) => (
        <Anchor component="button" type="button" size="sm" ta="left" onClick={() => read(chat)}>
          <Text span size="sm" lineClamp={1} maw={320}>
            {chat.message}
          </Text>
        </Anchor>
      ),
    },
    { header: 'Model', cell: ({ model }) => model },
    { header: 'Status', cell: ({ status }) => <Status status={status} /> },
    { header: 'Cost', isNumber: true, cell: ({ cost }) => count(cost) },
  ]
}

export function ChatTable({ pages, withUser = true }: { pages: Pages<ChatRow>; withUser?: boolean }) {
  const [read, setRead] = useState<ChatRow | null>(null)
  return (
    <>
      <RowsTable pages={pages} columns={columns(setRead, withUser)} what="chat" />
      <Modal
        opened={read !== null}
        onClose={() => setRead(null)}
        title="A chat"
        size="xl"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {read && <WholeChat chat={read} />}
      </Modal>
    </>
  )
}

function Status({ status }: { status: ChatRow['status'] }) {
  return (
    <Badge color={COLOURS[status]} variant="light">
      {status.toLowerCase()}
    </Badge>
  )
}

function WholeChat({ chat }: { chat: ChatRow }) {
  const { usage } = chat
  return (
    <Stack>
      <Facts
        facts={[
          ['User', <UserName key="user" user={chat.user} name={chat.user?.username ?? 'deleted'} />],
          ['Model', chat.model],
          ['Status', <Status key="status" status={chat.status} />],
          ['Came', <Moment key="came" iso={chat.createdAt} />],
          ['Ended', chat.finishedAt ? <Moment key="ended" iso={chat.finishedAt} /> : 'not yet'],
          ['Cost', `${tokens(chat.cost)} of ${tokens(chat.hold)} held`],
          [
            'Usage',
            usage
              ? `${count(usage.input)} in, ${count(usage.output)} out${usage.estimated ? ' (estimated)' : ''}`
              : 'none',
          ],
          ...(chat.error ? [['Error', `${chat.error.message} (${chat.error.code})`] as [string, string]] : []),
          ...(chat.replacedById ? [['Replaced', 'by a later version'] as [string, string]] : []),
        ]}
      />
      <Divider />
      <ChatText message={chat.message} response={chat.response} />
    </Stack>
  )
}

import { Anchor, Text } from '@mantine/core'
import { useState } from 'react'
import { NOT_STORED } from '../format/chats'
import { formatCount } from '../format/numbers'
import type { Pages } from '../graphql/usePages'
import { DateTime } from '../ui/DateTime'
import { RowsTable, type Column } from '../ui/RowsTable'
import { ChatBulk } from './ChatBulk'
import { ChatDetails } from './ChatDetails'
import { ChatDialog } from './ChatDialog'
import { describeChat } from './chatLabels'
import { ChatStatusBadge } from './ChatStatusBadge'
import type { ChatRow } from './lists'
import { UserName } from './UserName'

function columns(read: (chat: ChatRow) => void, withUser: boolean): Column<ChatRow>[] {
  const user: Column<ChatRow> = {
    header: 'User',
    cell: (chat) => <UserName user={chat.user} name={chat.user?.username ?? 'deleted'} />,
  }
  return [
    { header: 'When', cell: ({ createdAt }) => <DateTime iso={createdAt} /> },
    ...(withUser ? [user] : []),
    {
      header: 'Message',
      isTitle: true,
      cell: (chat) => (
        <Anchor component="button" type="button" size="sm" ta="left" display="block" onClick={() => read(chat)}>
          <Text span size="sm" lineClamp={1} maw={320} dir="auto">
            {chat.message || <em>{NOT_STORED}</em>}
          </Text>
        </Anchor>
      ),
    },
    { header: 'Model', cell: ({ model }) => model },
    { header: 'Status', cell: ({ status }) => <ChatStatusBadge status={status} /> },
    { header: 'Cost', isNumber: true, cell: ({ cost }) => formatCount(cost) },
  ]
}

const NO_SELECTION: ReadonlySet<string> = new Set()

type Props = {
  pages: Pages<ChatRow>
  withUser?: boolean
  onDeleted?: () => void
}

export function ChatTable({ pages, withUser = true, onDeleted }: Props) {
  const [read, setRead] = useState<ChatRow | null>(null)
  const [selectedIds, setSelectedIds] = useState(NO_SELECTION)
  // Rows that are not shown any more are not selected.
  const selected = pages.rows.filter((chat) => selectedIds.has(chat.id))

  const deleted = (ids: ReadonlySet<string>) => {
    setSelectedIds(NO_SELECTION)
    pages.remove(ids)
    onDeleted?.()
  }

  return (
    <>
      {selected.length > 0 && <ChatBulk chats={selected} onDeleted={deleted} />}
      <RowsTable
        pages={pages}
        columns={columns(setRead, withUser)}
        noun="message"
        empty="No messages"
        minWidth={820}
        nameOf={describeChat}
        selection={{ ids: selectedIds, onChange: setSelectedIds }}
      />
      <ChatDialog isOpen={read !== null} onClose={() => setRead(null)}>
        {read && (
          <ChatDetails
            chat={read}
            onDeleted={() => {
              setRead(null)
              deleted(new Set([read.id]))
            }}
          />
        )}
      </ChatDialog>
    </>
  )
}

import { Anchor, Text } from '@mantine/core'
import { useState } from 'react'
import { formatCount, formatSigned } from '../format/numbers'
import { reasonLabel } from '../format/reasons'
import type { Pages } from '../graphql/usePages'
import { DateTime } from '../ui/DateTime'
import { RowsTable, type Column } from '../ui/RowsTable'
import { GroupName } from './groups/GroupName'
import { LoadedChatDialog } from './LoadedChatDialog'
import type { LedgerRow } from './lists'
import { UserName } from './UserName'

const USER: Column<LedgerRow> = {
  header: 'User',
  cell: (entry) => <Owner entry={entry} />,
}

function columns(open: (chatId: string) => void): Column<LedgerRow>[] {
  return [
    { header: 'When', cell: ({ createdAt }) => <DateTime iso={createdAt} /> },
    { header: 'Reason', cell: (entry) => <Reason entry={entry} onOpen={open} /> },
    { header: 'Tokens', isNumber: true, cell: ({ amount }) => formatSigned(amount) },
    { header: 'Balance after', isNumber: true, cell: ({ balanceAfter }) => formatCount(balanceAfter) },
  ]
}

export function LedgerTable({ pages, withUser = true }: { pages: Pages<LedgerRow>; withUser?: boolean }) {
  const [opened, setOpened] = useState<string | null>(null)
  const shown = columns(setOpened)
  return (
    <>
      <RowsTable
        pages={pages}
        columns={withUser ? [USER, ...shown] : shown}
        noun="entry"
        plural="entries"
        empty="No entries"
        minWidth={860}
      />
      <LoadedChatDialog chatId={opened} onClose={() => setOpened(null)} onDeleted={pages.reload} />
    </>
  )
}

/** The owner of the balance: a user, or a group and the member who spent from it. */
function Owner({ entry: { user, group } }: { entry: LedgerRow }) {
  return (
    <>
      {(user ?? !group) && <UserName user={user} name={user?.username ?? 'deleted'} />}
      {group && (
        <div>
          <GroupName group={group} />
        </div>
      )}
    </>
  )
}

/** The reason of an entry, with what explains it. */
function Reason({ entry, onOpen }: { entry: LedgerRow; onOpen: (chatId: string) => void }) {
  const { reason, note, actor, apiKeyId, chat } = entry
  return (
    <>
      {reasonLabel(reason)}
      {chat && (
        <span>
          {' '}
          <Anchor component="button" type="button" size="sm" underline="always" onClick={() => onOpen(chat.id)}>
            open
          </Anchor>
        </span>
      )}
      {apiKeyId && ' by API key'}
      {actor && (
        <span>
          {' ('}
          <UserName user={actor} name={actor.username} />)
        </span>
      )}
      {note && (
        <Text size="xs" c="dimmed">
          {note}
        </Text>
      )}
    </>
  )
}

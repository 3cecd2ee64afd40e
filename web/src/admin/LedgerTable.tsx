import { Text } from '@mantine/core'
import { formatCount, formatSigned } from '../format/numbers'
import { reasonLabel } from '../format/reasons'
import type { Pages } from '../graphql/usePages'
import { DateTime } from '../ui/DateTime'
import { RowsTable, type Column } from '../ui/RowsTable'
import type { LedgerRow } from './lists'
import { UserName } from './UserName'

const USER: Column<LedgerRow> = {
  header: 'User',
  cell: ({ user }) => <UserName user={user} name={user?.username ?? 'deleted'} />,
}

const COLUMNS: Column<LedgerRow>[] = [
  { header: 'When', cell: ({ createdAt }) => <DateTime iso={createdAt} /> },
  {
    header: 'Reason',
    cell: ({ reason, note, actor, apiKeyId }) => (
      <>
        {reasonLabel(reason)} {apiKeyId && 'by API'}
        {actor && (
          <>
            {' '}
            <span>
              (<UserName user={actor} name={actor.username} />)
            </span>
          </>
        )}
        {note && (
          <Text size="xs" c="dimmed">
            {note}
          </Text>
        )}
      </>
    ),
  },
  { header: 'Tokens', isNumber: true, cell: ({ amount }) => formatSigned(amount) },
  { header: 'Balance after', isNumber: true, cell: ({ balanceAfter }) => formatCount(balanceAfter) },
]

export function LedgerTable({ pages, withUser = true }: { pages: Pages<LedgerRow>; withUser?: boolean }) {
  return (
    <RowsTable
      pages={pages}
      columns={withUser ? [USER, ...COLUMNS] : COLUMNS}
      noun="entry"
      plural="entries"
      empty="No entries"
      minWidth={860}
    />
  )
}

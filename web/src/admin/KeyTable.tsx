import { Anchor } from '@mantine/core'
import { Link } from 'react-router'
import type { Pages } from '../graphql/usePages'
import { keyColumns } from '../keys/keyColumns'
import type { Key } from '../keys/keyLabels'
import { useRevoke } from '../keys/useRevoke'
import { RowsTable, type Column } from '../ui/RowsTable'
import { auditPath } from './paths'
import { UserName } from './UserName'

const USER: Column<Key> = {
  header: 'User',
  cell: ({ user }) => <UserName user={user} name={user?.username ?? 'deleted'} />,
}

const TRAIL: Column<Key> = {
  header: 'Audit log',
  cell: ({ id }) => (
    <Anchor component={Link} to={auditPath(id)} size="sm">
      Audit events
    </Anchor>
  ),
}

type Props = { pages: Pages<Key>; withUser?: boolean; onRevoked?: () => void }

export function KeyTable({ pages, withUser = true, onRevoked }: Props) {
  const [key, ...others] = keyColumns(useRevoke(pages, onRevoked))
  const columns = [...(key ? [key] : []), ...(withUser ? [USER] : []), ...others, TRAIL]
  return (
    <RowsTable
      pages={pages}
      columns={columns}
      noun="key"
      empty="No API keys"
      minWidth={920}
      isDimmed={({ active }) => !active}
    />
  )
}

import { Badge, Text } from '@mantine/core'
import { formatCount } from '../format/numbers'
import { roleLabel } from '../format/roles'
import type { UserOrder } from '../gql/admin'
import { Day } from '../ui/Day'
import { RelativeTime } from '../ui/RelativeTime'
import type { Column, Sort } from '../ui/RowsTable'
import { userSort, type USER_SORTS } from './filters'
import type { User } from './lists'
import { UserName } from './UserName'

/** Returns the columns of the list of users, whose headers change the order. */
export function userColumns(order: UserOrder, setOrder: (order: UserOrder) => void): Column<User>[] {
  const sort = (column: keyof typeof USER_SORTS): Sort => {
    const { direction, next } = userSort(column, order)
    return { direction, toggle: () => setOrder(next) }
  }
  return [
    { header: 'Username', cell: (user) => <UserName user={user} name={user.username} />, sort: sort('name') },
    { header: 'Role', cell: roleLabel },
    { header: 'Status', cell: (user) => <ActiveBadge user={user} /> },
    { header: 'Balance', isNumber: true, cell: ({ balance }) => <Balance {...balance} />, sort: sort('balance') },
    { header: 'Spent, 30 days', isNumber: true, cell: ({ spent }) => formatCount(spent ?? 0), sort: sort('spent') },
    { header: 'Last active', cell: ({ lastActiveAt }) => <Ago iso={lastActiveAt} />, sort: sort('active') },
    { header: 'Last login', cell: ({ lastLoginAt }) => <Ago iso={lastLoginAt} />, sort: sort('login') },
    { header: 'Created', cell: ({ createdAt }) => <Day iso={createdAt} />, sort: sort('created') },
  ]
}

/** Whether a user can log in. */
export function ActiveBadge({ user: { isActive } }: { user: Pick<User, 'isActive'> }) {
  return (
    <Badge color={isActive ? 'teal' : 'gray'} variant="light" miw="max-content">
      {isActive ? 'Active' : 'Deactivated'}
    </Badge>
  )
}

function Balance({ tokens, held }: User['balance']) {
  return (
    <>
      {formatCount(tokens)}
      {held > 0 && (
        <Text size="xs" c="dimmed">
          {formatCount(held)} reserved
        </Text>
      )}
    </>
  )
}

function Ago({ iso }: { iso: string | null }) {
  return iso === null ? 'never' : <RelativeTime iso={iso} />
}

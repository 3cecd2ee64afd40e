import { Badge } from '@mantine/core'
import { formatCount } from '../format/numbers'
import { roleLabel } from '../format/roles'
import type { UserOrder } from '../gql/admin'
import { DateTime } from '../ui/DateTime'
import { Day } from '../ui/Day'
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
    { header: 'Balance', isNumber: true, cell: ({ balance }) => formatCount(balance.tokens), sort: sort('balance') },
    { header: 'Reserved', isNumber: true, cell: ({ balance }) => formatCount(balance.held) },
    { header: 'Created', cell: ({ createdAt }) => <Day iso={createdAt} />, sort: sort('created') },
    { header: 'Last login', cell: ({ lastLoginAt }) => <DateTime iso={lastLoginAt} /> },
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

import { roleLabel } from '../format/roles'
import { useViewer } from '../session/context'
import { CsvButton } from '../ui/CsvButton'
import type { UserFilters } from './filters'
import { MAX_PAGE, userPages } from './lists'
import { loadAll } from './loadAll'

const HEADER = [
  'user_id',
  'username',
  'role',
  'active',
  'balance',
  'reserved',
  'spent_30_days',
  'created_at',
  'last_active_at',
  'last_login_at',
]

/** Downloads all users who match the filters, in the order of the list. */
export function UsersCsvButton({ filters }: { filters: UserFilters }) {
  const { client } = useViewer()
  const rows = async () =>
    (await loadAll(userPages(client, filters, MAX_PAGE))).map((user) => [
      user.id,
      user.username,
      roleLabel(user),
      user.isActive,
      user.balance.tokens,
      user.balance.held,
      user.spent,
      user.createdAt,
      user.lastActiveAt,
      user.lastLoginAt,
    ])
  return <CsvButton name="users" header={HEADER} rows={rows} />
}

import { Button, Group, Modal } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconUserPlus } from '@tabler/icons-react'
import { useViewer } from '../session/context'
import { RowsTable } from '../ui/RowsTable'
import { AdjustMatching } from './AdjustMatching'
import { AdminTitle } from './AdminTitle'
import { CreateUserForm } from './CreateUserForm'
import { useUsers } from './lists'
import { SelectMatching } from './SelectMatching'
import { UserBulk } from './UserBulk'
import { userColumns } from './userColumns'
import { UserFilterBar } from './UserFilterBar'
import { UsersCsvButton } from './UsersCsvButton'
import { useUserFilters } from './useUserFilters'
import { useUserSelection } from './useUserSelection'

export function UsersPage() {
  const { client } = useViewer()
  const { filters, fields, order, setOrder, isSettled } = useUserFilters()
  const pages = useUsers(filters)
  const { ids, select, selection, matching, selectAll, isAll, clear } = useUserSelection(
    client,
    filters,
    pages,
    isSettled,
  )
  const [isCreating, creation] = useDisclosure(false)

  return (
    <>
      <AdminTitle title="Users">
        <UsersCsvButton filters={filters} />
        <Button leftSection={<IconUserPlus size={16} />} onClick={creation.open}>
          New user
        </Button>
      </AdminTitle>
      <UserFilterBar fields={fields} order={order} setOrder={setOrder} />
      {selection ? (
        <UserBulk
          selection={selection}
          onDone={() => {
            clear()
            pages.reload()
          }}
        >
          <Group gap="xs">
            {!isAll && <SelectMatching pages={pages} selected={ids.size} onSelect={selectAll} />}
            <Button size="xs" variant="subtle" onClick={clear}>
              Clear selection
            </Button>
          </Group>
        </UserBulk>
      ) : (
        matching && <AdjustMatching selection={matching} total={pages.total ?? 0} onDone={pages.reload} />
      )}
      <RowsTable
        pages={pages}
        columns={userColumns(order, setOrder)}
        noun="user"
        empty="No users"
        minWidth={920}
        nameOf={(user) => user.username}
        selection={{ ids, onChange: select }}
      />
      <Modal opened={isCreating} onClose={creation.close} title="New user" closeButtonProps={{ 'aria-label': 'Close' }}>
        <CreateUserForm
          onCreated={() => {
            creation.close()
            pages.reload()
          }}
        />
      </Modal>
    </>
  )
}

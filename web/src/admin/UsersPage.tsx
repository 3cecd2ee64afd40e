import { Badge, Button, Modal, Select, SimpleGrid, TextInput } from '@mantine/core'
import { useDebouncedValue, useDisclosure } from '@mantine/hooks'
import { IconSearch, IconUserPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { formatCount } from '../format/numbers'
import { roleLabel } from '../format/roles'
import type { UserOrder } from '../gql/admin'
import { DateTime } from '../ui/DateTime'
import { RowsTable, type Column } from '../ui/RowsTable'
import { AdminTitle } from './AdminTitle'
import { CreateUserForm } from './CreateUserForm'
import { parseChoice, parseYesNo } from './filters'
import { useUsers, type User } from './lists'
import { useSearchParam } from '../ui/useSearchParam'
import { UserBulk } from './UserBulk'
import { UserName } from './UserName'

const COLUMNS: Column<User>[] = [
  { header: 'Username', cell: (user) => <UserName user={user} name={user.username} /> },
  { header: 'Role', cell: roleLabel },
  {
    header: 'Status',
    cell: ({ isActive }) => (
      <Badge color={isActive ? 'teal' : 'gray'} variant="light" miw="max-content">
        {isActive ? 'Active' : 'Deactivated'}
      </Badge>
    ),
  },
  { header: 'Balance', isNumber: true, cell: ({ balance }) => formatCount(balance.tokens) },
  { header: 'Reserved', isNumber: true, cell: ({ balance }) => formatCount(balance.held) },
  { header: 'Created', cell: ({ createdAt }) => <DateTime iso={createdAt} /> },
  { header: 'Last login', cell: ({ lastLoginAt }) => <DateTime iso={lastLoginAt} /> },
]

const ORDERS: { value: UserOrder; label: string }[] = [
  { value: 'NEWEST', label: 'Newest first' },
  { value: 'OLDEST', label: 'Oldest first' },
  { value: 'NAME', label: 'Name, A to Z' },
  { value: 'NAME_DESCENDING', label: 'Name, Z to A' },
  { value: 'MOST_TOKENS', label: 'Largest balance first' },
  { value: 'FEWEST_TOKENS', label: 'Smallest balance first' },
]

const NO_SELECTION: ReadonlySet<string> = new Set()

export function UsersPage() {
  const [search, setSearch] = useSearchParam('search')
  const [debouncedSearch] = useDebouncedValue(search ?? '', 250)
  const [active, setActive] = useSearchParam('active')
  const [staff, setStaff] = useSearchParam('staff')
  const [order, setOrder] = useSearchParam('order')
  const orderBy = parseChoice(
    ORDERS.map(({ value }) => value),
    order,
  )
  const pages = useUsers({
    search: debouncedSearch.trim(),
    active: parseYesNo(active),
    staff: parseYesNo(staff),
    orderBy,
  })
  const [selectedIds, setSelectedIds] = useState(NO_SELECTION)
  const [isCreating, creation] = useDisclosure(false)
  // Rows that are not shown any more are not selected.
  const selected = pages.rows.filter((user) => selectedIds.has(user.id))

  return (
    <>
      <AdminTitle title="Users">
        <Button leftSection={<IconUserPlus size={16} />} onClick={creation.open}>
          New user
        </Button>
      </AdminTitle>
      <SimpleGrid cols={{ base: 2, lg: 4 }} spacing="sm" mb="md">
        <TextInput
          label="Username"
          placeholder="Search usernames"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search ?? ''}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        <YesNoSelect label="Active" value={active} onChange={setActive} />
        <YesNoSelect label="Staff" value={staff} onChange={setStaff} />
        <Select
          label="Order"
          data={ORDERS}
          value={orderBy ?? 'NEWEST'}
          onChange={(selected) => setOrder(selected === 'NEWEST' ? null : selected)}
          allowDeselect={false}
        />
      </SimpleGrid>
      {selected.length > 0 && (
        <UserBulk
          users={selected}
          onDone={() => {
            setSelectedIds(NO_SELECTION)
            pages.reload()
          }}
        />
      )}
      <RowsTable
        pages={pages}
        columns={COLUMNS}
        noun="user"
        empty="No users"
        minWidth={860}
        nameOf={(user) => user.username}
        selection={{ ids: selectedIds, onChange: setSelectedIds }}
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

function YesNoSelect({
  label,
  value,
  onChange,
}: {
  label: string
  value: string | null
  onChange: (value: string | null) => void
}) {
  return (
    <Select
      label={label}
      placeholder="All"
      clearable
      clearButtonProps={{ 'aria-label': `Clear ${label.toLowerCase()}` }}
      data={[
        { value: 'yes', label: 'Yes' },
        { value: 'no', label: 'No' },
      ]}
      value={value}
      onChange={onChange}
    />
  )
}

import { Button, Modal, Select, SimpleGrid, TextInput } from '@mantine/core'
import { useDebouncedValue, useDisclosure } from '@mantine/hooks'
import { IconSearch, IconUserPlus } from '@tabler/icons-react'
import { useState } from 'react'
import type { UserOrder } from '../gql/admin'
import { RowsTable } from '../ui/RowsTable'
import { AdminTitle } from './AdminTitle'
import { CreateUserForm } from './CreateUserForm'
import { parseChoice, parseYesNo } from './filters'
import { useUsers } from './lists'
import { useSearchParam } from '../ui/useSearchParam'
import { UserBulk } from './UserBulk'
import { userColumns } from './userColumns'

const ORDERS: { value: UserOrder; label: string }[] = [
  { value: 'NEWEST', label: 'Newest first' },
  { value: 'OLDEST', label: 'Oldest first' },
  { value: 'NAME', label: 'Name, A to Z' },
  { value: 'NAME_DESCENDING', label: 'Name, Z to A' },
  { value: 'MOST_TOKENS', label: 'Largest balance first' },
  { value: 'FEWEST_TOKENS', label: 'Smallest balance first' },
]

const DEFAULT_ORDER: UserOrder = 'NEWEST'

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
  const select = (selected: string | null) => setOrder(selected === DEFAULT_ORDER ? null : selected)
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
        <FilterSelect label="Status" yes="Active" no="Deactivated" value={active} onChange={setActive} />
        <FilterSelect label="Role" yes="Staff" no="Not staff" value={staff} onChange={setStaff} />
        <Select label="Order" data={ORDERS} value={orderBy ?? DEFAULT_ORDER} onChange={select} allowDeselect={false} />
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
        columns={userColumns(orderBy ?? DEFAULT_ORDER, select)}
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

type FilterProps = {
  label: string
  /** The labels of the two values. */
  yes: string
  no: string
  value: string | null
  onChange: (value: string | null) => void
}

function FilterSelect({ label, yes, no, value, onChange }: FilterProps) {
  return (
    <Select
      label={label}
      placeholder="All"
      clearable
      clearButtonProps={{ 'aria-label': `Clear ${label.toLowerCase()}` }}
      data={[
        { value: 'yes', label: yes },
        { value: 'no', label: no },
      ]}
      value={value}
      onChange={onChange}
    />
  )
}

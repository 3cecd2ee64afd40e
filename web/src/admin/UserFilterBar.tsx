import { NumberInput, Select, SimpleGrid, TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { useIsPhone } from '../ui/useIsPhone'
import type { UserFilterFields } from './useUserFilters'
import { ORDERS } from './userOrders'

type Props = { fields: UserFilterFields; order: string; setOrder: (order: string | null) => void }

/** The filters of the list of users; on phones, where the list has no headers, also its order. */
export function UserFilterBar({ fields: { search, active, role, minTokens, maxTokens }, order, setOrder }: Props) {
  const isPhone = useIsPhone()
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 5 }} spacing="sm" mb="md">
      <TextInput
        label="Username"
        placeholder="Search usernames"
        leftSection={<IconSearch size={16} aria-hidden />}
        value={search.value ?? ''}
        onChange={(event) => search.set(event.currentTarget.value)}
      />
      <Choice
        label="Status"
        data={[
          { value: 'yes', label: 'Active' },
          { value: 'no', label: 'Deactivated' },
        ]}
        {...active}
      />
      <Choice
        label="Role"
        data={[
          { value: 'user', label: 'User' },
          { value: 'staff', label: 'Staff' },
          { value: 'superuser', label: 'Superuser' },
        ]}
        {...role}
      />
      <Tokens label="Balance at least" {...minTokens} />
      <Tokens label="Balance at most" {...maxTokens} />
      {isPhone && <Select label="Order" data={ORDERS} value={order} onChange={setOrder} allowDeselect={false} />}
    </SimpleGrid>
  )
}

type FieldProps = { label: string; value: string | null; set: (value: string | null) => void }

function Choice({ label, data, value, set }: FieldProps & { data: { value: string; label: string }[] }) {
  return (
    <Select
      label={label}
      placeholder="All"
      clearable
      clearButtonProps={{ 'aria-label': `Clear ${label.toLowerCase()}` }}
      data={data}
      value={value}
      onChange={set}
    />
  )
}

function Tokens({ label, value, set }: FieldProps) {
  return (
    <NumberInput
      label={label}
      placeholder="Tokens"
      allowDecimal={false}
      allowNegative={false}
      max={Number.MAX_SAFE_INTEGER}
      thousandSeparator=","
      hideControls
      value={value ?? ''}
      onChange={(amount) => set(String(amount))}
    />
  )
}

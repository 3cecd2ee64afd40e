import { Select } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'
import { useQuery } from 'urql'
import { AdminUserDocument } from '../gql/admin'
import { ALL_USERS } from './filters'
import { useUsers } from './lists'

type Props = {
  label: string
  value: string | null
  onChange: (userId: string | null) => void
  /** The label of an id that belongs to no user, or to no user any more. */
  otherwise?: string
}

/** A select for a user, searched by part of the name. */
export function UserPicker({ label, value, onChange, otherwise = 'A deleted account' }: Props) {
  const [search, setSearch] = useState('')
  const [debouncedSearch] = useDebouncedValue(search, 250)
  const { rows } = useUsers({ ...ALL_USERS, search: debouncedSearch, orderBy: 'NAME' })
  // The selected user may not be among the search results.
  const [{ data, fetching }] = useQuery({
    query: AdminUserDocument,
    variables: { id: value ?? '' },
    pause: value === null,
  })
  const selected = value === null ? null : (data?.user ?? null)
  const choices = rows.map(({ id, username }) => ({ value: id, label: username }))
  if (value !== null && !fetching && !rows.some(({ id }) => id === value)) {
    choices.unshift({ value, label: selected?.username ?? otherwise })
  }
  return (
    <Select
      label={label}
      placeholder="Any user"
      searchable
      clearable
      clearButtonProps={{ 'aria-label': `Clear ${label.toLowerCase()}` }}
      nothingFoundMessage="No users"
      data={choices}
      // The server filters.
      filter={({ options }) => options}
      value={value}
      onChange={onChange}
      onSearchChange={setSearch}
    />
  )
}

import { Select } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { ALL_USERS } from '../filters'
import { useUsers } from '../lists'
import { userPath } from '../UserName'

/** A field that leads to the page of a user: by a click, or by Enter to the first one. */
export function FindUser() {
  const navigate = useNavigate()
  const [search, setSearch] = useState('')
  const [debouncedSearch] = useDebouncedValue(search, 250)
  const { rows, isLoading } = useUsers({ ...ALL_USERS, search: debouncedSearch.trim(), orderBy: 'NAME' })
  const open = (id: string | null) => {
    if (id !== null) void navigate(userPath(id))
  }
  return (
    <Select
      aria-label="Find a user"
      placeholder="Find a user"
      leftSection={<IconSearch size={16} aria-hidden />}
      rightSection={<span />}
      w={{ base: '100%', xs: 240 }}
      searchable
      nothingFoundMessage="No users"
      data={rows.map(({ id, username }) => ({ value: id, label: username }))}
      // The server filters.
      filter={({ options }) => options}
      value={null}
      onChange={open}
      onSearchChange={setSearch}
      onKeyDown={(event) => {
        // An option that the arrows have reached is chosen by the list itself.
        if (
          event.key !== 'Enter' ||
          search.trim() === '' ||
          event.currentTarget.getAttribute('aria-activedescendant')
        ) {
          return
        }
        event.preventDefault()
        const [first] = rows
        if (first && search === debouncedSearch && !isLoading) open(first.id)
        else void navigate(`/admin/users?search=${encodeURIComponent(search.trim())}`)
      }}
    />
  )
}

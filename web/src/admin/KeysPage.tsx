import { SimpleGrid, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { redactSecret } from '../keys/keyLabels'
import { AdminTitle } from './AdminTitle'
import { KeyTable } from './KeyTable'
import { useKeys } from './lists'
import { useSearchParam } from '../ui/useSearchParam'
import { UserPicker } from './UserPicker'

export function KeysPage() {
  const [search, setSearch] = useSearchParam('search')
  const [debouncedSearch] = useDebouncedValue(search ?? '', 250)
  const [userId, setUserId] = useSearchParam('user')
  return (
    <>
      <AdminTitle title="API keys" />
      <SimpleGrid cols={2} spacing="sm" mb="md">
        <TextInput
          label="Key"
          placeholder="Name or first characters"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search ?? ''}
          // A secret must not be in the URL.
          onChange={(event) => setSearch(redactSecret(event.currentTarget.value))}
        />
        <UserPicker label="User" value={userId} onChange={setUserId} />
      </SimpleGrid>
      <KeyTable pages={useKeys({ userId, search: debouncedSearch.trim() })} />
    </>
  )
}

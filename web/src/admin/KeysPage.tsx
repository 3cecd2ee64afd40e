import { Select, SimpleGrid, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { redactSecret, type KeyState } from '../keys/keyLabels'
import { AdminTitle } from './AdminTitle'
import { parseChoice } from './filters'
import { KeyTable } from './KeyTable'
import { useKeys } from './lists'
import { useSearchParam } from '../ui/useSearchParam'
import { UserPicker } from './UserPicker'

const STATES: KeyState[] = ['active', 'revoked', 'expired']

export function KeysPage() {
  const [search, setSearch] = useSearchParam('search')
  const [debouncedSearch] = useDebouncedValue(search ?? '', 250)
  const [userId, setUserId] = useSearchParam('user')
  const [state, setState] = useSearchParam('state')
  return (
    <>
      <AdminTitle title="API keys" />
      <SimpleGrid cols={{ base: 2, sm: 3 }} spacing="sm" mb="md">
        <TextInput
          label="Key"
          placeholder="Name or prefix"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search ?? ''}
          // A secret must not be in the URL.
          onChange={(event) => setSearch(redactSecret(event.currentTarget.value))}
        />
        <UserPicker label="User" value={userId} onChange={setUserId} />
        <Select
          label="Status"
          placeholder="All"
          clearable
          clearButtonProps={{ 'aria-label': 'Clear status' }}
          data={STATES}
          value={parseChoice(STATES, state)}
          onChange={setState}
        />
      </SimpleGrid>
      <KeyTable pages={useKeys({ userId, search: debouncedSearch.trim(), state: parseChoice(STATES, state) })} />
    </>
  )
}

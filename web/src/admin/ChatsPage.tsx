import { Anchor, Select, SimpleGrid, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { Link } from 'react-router'
import { useState } from 'react'
import { useModels, useSearchedModels } from '../chat/models/useModels'
import type { ChatStatus } from '../gql/admin'
import { AdminTitle } from './AdminTitle'
import { ChatTable } from './ChatTable'
import { DateRangeFields } from './DateRangeFields'
import { parseChoice } from './filters'
import { useChats } from './lists'
import { useDateRange } from './useDateRange'
import { useSearchParam } from '../ui/useSearchParam'
import { UserPicker } from './UserPicker'

const STATUSES: ChatStatus[] = ['DONE', 'STOPPED', 'FAILED', 'INTERRUPTED', 'PENDING']

export function ChatsPage() {
  const [search, setSearch] = useSearchParam('search')
  const [debouncedSearch] = useDebouncedValue(search ?? '', 250)
  const [userId, setUserId] = useSearchParam('user')
  const [model, setModel] = useSearchParam('model')
  const [status, setStatus] = useSearchParam('status')
  const range = useDateRange()
  const [modelSearch, setModelSearch] = useState('')
  const models = useSearchedModels(useModels([model]), modelSearch).map(({ name }) => name)
  const filters = { userId, search: debouncedSearch.trim(), model, status: parseChoice(STATUSES, status), ...range }
  return (
    <>
      <AdminTitle title="Messages" />
      <Text size="sm" c="dimmed" mb="md">
        That you read or search messages of others here is recorded in the{' '}
        <Anchor component={Link} to="/admin/audit?action=reads" size="sm" underline="always">
          audit log
        </Anchor>
        , unless the server is configured not to.
      </Text>
      <SimpleGrid cols={{ base: 2, lg: 3 }} spacing="sm" mb="md">
        <TextInput
          label="Search"
          placeholder="Message text or username"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search ?? ''}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        <UserPicker label="User" value={userId} onChange={setUserId} />
        <Select
          label="Model"
          placeholder="All"
          clearable
          clearButtonProps={{ 'aria-label': 'Clear model' }}
          searchable
          nothingFoundMessage="No such model"
          onSearchChange={setModelSearch}
          data={models}
          value={model}
          onChange={setModel}
        />
        <Select
          label="Status"
          placeholder="All"
          clearable
          clearButtonProps={{ 'aria-label': 'Clear status' }}
          data={STATUSES.map((value) => ({ value, label: value.toLowerCase() }))}
          value={status}
          onChange={setStatus}
        />
        <DateRangeFields {...range} />
      </SimpleGrid>
      <ChatTable pages={useChats(filters)} />
    </>
  )
}

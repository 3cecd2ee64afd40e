import { Select, SimpleGrid, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { useQuery } from 'urql'
import type { ChatStatus } from '../gql/admin'
import { ModelsDocument } from '../gql/chat'
import { AdminTitle } from './AdminTitle'
import { ChatTable } from './ChatTable'
import { oneOf } from './filters'
import { useChats } from './lists'
import { PeriodFields } from './PeriodFields'
import { useFilter } from './useFilter'
import { usePeriod } from './usePeriod'
import { UserPicker } from './UserPicker'

const STATUSES: ChatStatus[] = ['DONE', 'STOPPED', 'FAILED', 'INTERRUPTED', 'PENDING']

export function ChatsPage() {
  const [search, setSearch] = useFilter('search')
  const [asked] = useDebouncedValue(search ?? '', 250)
  const [userId, setUserId] = useFilter('user')
  const [model, setModel] = useFilter('model')
  const [status, setStatus] = useFilter('status')
  const period = usePeriod()
  const [{ data }] = useQuery({ query: ModelsDocument })
  const filters = { userId, search: asked.trim(), model, status: oneOf(STATUSES, status), ...period }
  return (
    <>
      <AdminTitle title="Chats" />
      <SimpleGrid cols={{ base: 2, lg: 3 }} spacing="sm" mb="md">
        <TextInput
          label="Words"
          placeholder="Text, or a name"
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
          data={data?.models.map(({ name }) => name) ?? []}
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
        <PeriodFields {...period} />
      </SimpleGrid>
      <ChatTable pages={useChats(filters)} />
    </>
  )
}

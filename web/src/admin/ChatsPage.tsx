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
import { useFilter } from './useFilter'
import { UserPicker } from './UserPicker'

const STATUSES: ChatStatus[] = ['DONE', 'STOPPED', 'FAILED', 'INTERRUPTED', 'PENDING']

export function ChatsPage() {
  const [search, setSearch] = useFilter('search')
  const [asked] = useDebouncedValue(search ?? '', 250)
  const [userId, setUserId] = useFilter('user')
  const [model, setModel] = useFilter('model')
  const [status, setStatus] = useFilter('status')
  const [since, setSince] = useFilter('since')
  const [until, setUntil] = useFilter('until')
  const [{ data }] = useQuery({ query: ModelsDocument })
  const filters = { userId, search: asked.trim(), model, status: oneOf(STATUSES, status), since, until }
  return (
    <>
      <AdminTitle title="Chats" />
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} mb="md">
        <TextInput
          label="Words"
          placeholder="In the message, the answer or the name"
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
        <TextInput
          label="From"
          type="date"
          value={since ?? ''}
          onChange={(event) => setSince(event.currentTarget.value)}
        />
        <TextInput
          label="To"
          type="date"
          value={until ?? ''}
          onChange={(event) => setUntil(event.currentTarget.value)}
        />
      </SimpleGrid>
      <ChatTable pages={useChats(filters)} />
    </>
  )
}

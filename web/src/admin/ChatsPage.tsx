import { SimpleGrid } from '@mantine/core'
import { AdminTitle } from './AdminTitle'
import { ChatTable } from './ChatTable'
import { useChats } from './lists'
import { useFilter } from './useFilter'
import { UserPicker } from './UserPicker'

export function ChatsPage() {
  const [userId, setUserId] = useFilter('user')
  return (
    <>
      <AdminTitle title="Chats" />
      <SimpleGrid cols={{ base: 1, sm: 3 }} mb="md">
        <UserPicker label="User" value={userId} onChange={setUserId} />
      </SimpleGrid>
      <ChatTable pages={useChats({ userId })} />
    </>
  )
}

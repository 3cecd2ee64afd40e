import { SimpleGrid } from '@mantine/core'
import { AdminTitle } from './AdminTitle'
import { AuditTable } from './AuditTable'
import { useAudit } from './lists'
import { useFilter } from './useFilter'
import { UserPicker } from './UserPicker'

export function AuditPage() {
  const [userId, setUserId] = useFilter('user')
  const [actorId, setActorId] = useFilter('actor')
  return (
    <>
      <AdminTitle title="Audit trail" />
      <SimpleGrid cols={{ base: 1, sm: 3 }} mb="md">
        <UserPicker label="Who did it" value={actorId} onChange={setActorId} />
        <UserPicker label="To whom" value={userId} onChange={setUserId} />
      </SimpleGrid>
      <AuditTable pages={useAudit({ userId, actorId })} />
    </>
  )
}

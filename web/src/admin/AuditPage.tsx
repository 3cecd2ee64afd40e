import { SimpleGrid } from '@mantine/core'
import { AdminTitle } from './AdminTitle'
import { AuditTable } from './AuditTable'
import { DateRangeFields } from './DateRangeFields'
import { useAudit } from './lists'
import { useDateRange } from './useDateRange'
import { useSearchParam } from '../ui/useSearchParam'
import { UserPicker } from './UserPicker'

export function AuditPage() {
  const [actorId, setActorId] = useSearchParam('actor')
  const [targetId, setTargetId] = useSearchParam('target')
  const range = useDateRange()
  return (
    <>
      <AdminTitle title="Audit log" />
      <SimpleGrid cols={{ base: 2, lg: 4 }} spacing="sm" mb="md">
        <UserPicker label="Actor" value={actorId} onChange={setActorId} />
        <UserPicker
          label="Target"
          value={targetId}
          onChange={setTargetId}
          otherwise="A message, a key, or a deleted account"
        />
        <DateRangeFields {...range} />
      </SimpleGrid>
      <AuditTable pages={useAudit({ targetId, actorId, ...range })} />
    </>
  )
}

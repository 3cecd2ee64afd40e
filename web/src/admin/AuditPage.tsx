import { SimpleGrid } from '@mantine/core'
import { AdminTitle } from './AdminTitle'
import { AuditTable } from './AuditTable'
import { useAudit } from './lists'
import { PeriodFields } from './PeriodFields'
import { useFilter } from './useFilter'
import { usePeriod } from './usePeriod'
import { UserPicker } from './UserPicker'

export function AuditPage() {
  const [actorId, setActorId] = useFilter('actor')
  const [targetId, setTargetId] = useFilter('target')
  const period = usePeriod()
  return (
    <>
      <AdminTitle title="Audit trail" />
      <SimpleGrid cols={{ base: 2, lg: 4 }} spacing="sm" mb="md">
        <UserPicker label="Who did it" value={actorId} onChange={setActorId} />
        <UserPicker
          label="To whom"
          value={targetId}
          onChange={setTargetId}
          otherwise="A chat, a key, or a deleted account"
        />
        <PeriodFields {...period} />
      </SimpleGrid>
      <AuditTable pages={useAudit({ targetId, actorId, ...period })} />
    </>
  )
}

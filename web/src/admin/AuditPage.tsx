import { Select, SimpleGrid } from '@mantine/core'
import { useSearchParam } from '../ui/useSearchParam'
import { ACTION_CHOICES, actionsOf } from './actionFilters'
import { AdminTitle } from './AdminTitle'
import { AuditCsvButton } from './AuditCsvButton'
import { AuditTable } from './AuditTable'
import { DateRangeFields } from './DateRangeFields'
import { useAudit } from './lists'
import { useDateRange } from './useDateRange'
import { UserPicker } from './UserPicker'

export function AuditPage() {
  const [actorId, setActorId] = useSearchParam('actor')
  const [targetId, setTargetId] = useSearchParam('target')
  const [action, setAction] = useSearchParam('action')
  const actions = actionsOf(action)
  const range = useDateRange()
  const filters = { targetId, actorId, actions, since: range.since, until: range.until }
  return (
    <>
      <AdminTitle title="Audit log">
        <AuditCsvButton filters={filters} />
      </AdminTitle>
      <SimpleGrid cols={{ base: 2, lg: 5 }} spacing="sm" mb="md">
        <UserPicker label="Actor" value={actorId} onChange={setActorId} />
        <UserPicker
          label="Target"
          value={targetId}
          onChange={setTargetId}
          otherwise="A message, a key, or a deleted account"
        />
        <Select
          label="Action"
          placeholder="All"
          clearable
          clearButtonProps={{ 'aria-label': 'Clear action' }}
          data={ACTION_CHOICES}
          value={actions && action}
          onChange={setAction}
        />
        <DateRangeFields {...range} />
      </SimpleGrid>
      <AuditTable pages={useAudit(filters)} />
    </>
  )
}

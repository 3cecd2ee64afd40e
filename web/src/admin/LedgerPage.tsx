import { Select, SimpleGrid } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { ExportLedgerEntriesDocument } from '../gql/admin'
import { ExportButton } from '../ui/ExportButton'
import { useSearchParam } from '../ui/useSearchParam'
import { AdminTitle } from './AdminTitle'
import { DateRangeFields } from './DateRangeFields'
import { timeRangeOf } from './filters'
import { LedgerTable } from './LedgerTable'
import { useLedger } from './lists'
import { REASON_CHOICES, reasonsOf } from './reasonFilters'
import { useDateRange } from './useDateRange'
import { UserPicker } from './UserPicker'

export function LedgerPage() {
  const [userId, setUserId] = useSearchParam('user')
  const [reason, setReason] = useSearchParam('reason')
  const reasons = reasonsOf(reason)
  const range = useDateRange()
  return (
    <>
      <AdminTitle title="Ledger">
        <ExportButton
          document={ExportLedgerEntriesDocument}
          variables={{ userId, reasons, ...timeRangeOf(range) }}
          name="ledger"
          kind="csv"
          icon={<IconDownload size={16} />}
        >
          Download CSV
        </ExportButton>
      </AdminTitle>
      <SimpleGrid cols={{ base: 2, lg: 4 }} spacing="sm" mb="md">
        <UserPicker label="User" value={userId} onChange={setUserId} />
        <Select
          label="Reason"
          placeholder="All"
          clearable
          clearButtonProps={{ 'aria-label': 'Clear reason' }}
          data={REASON_CHOICES}
          value={reasons && reason}
          onChange={setReason}
        />
        <DateRangeFields {...range} />
      </SimpleGrid>
      <LedgerTable pages={useLedger({ userId, reasons, ...range })} />
    </>
  )
}

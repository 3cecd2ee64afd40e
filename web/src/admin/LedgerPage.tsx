import { SimpleGrid } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { ExportLedgerEntriesDocument } from '../gql/admin'
import { ExportButton } from '../ui/ExportButton'
import { AdminTitle } from './AdminTitle'
import { DateRangeFields } from './DateRangeFields'
import { timeRangeOf } from './filters'
import { LedgerTable } from './LedgerTable'
import { useLedger } from './lists'
import { useDateRange } from './useDateRange'
import { useSearchParam } from '../ui/useSearchParam'
import { UserPicker } from './UserPicker'

export function LedgerPage() {
  const [userId, setUserId] = useSearchParam('user')
  const range = useDateRange()
  return (
    <>
      <AdminTitle title="Ledger">
        <ExportButton
          document={ExportLedgerEntriesDocument}
          variables={{ userId, ...timeRangeOf(range) }}
          name="ledger"
          kind="csv"
          icon={<IconDownload size={16} />}
        >
          Download CSV
        </ExportButton>
      </AdminTitle>
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm" mb="md">
        <UserPicker label="User" value={userId} onChange={setUserId} />
        <SimpleGrid cols={2} spacing="sm">
          <DateRangeFields {...range} />
        </SimpleGrid>
      </SimpleGrid>
      <LedgerTable pages={useLedger({ userId, ...range })} />
    </>
  )
}

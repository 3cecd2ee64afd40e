import { SimpleGrid } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { ExportLedgerEntriesDocument } from '../gql/admin'
import { ExportButton } from '../ui/ExportButton'
import { AdminTitle } from './AdminTitle'
import { momentsOf } from './filters'
import { LedgerTable } from './LedgerTable'
import { useLedger } from './lists'
import { PeriodFields } from './PeriodFields'
import { useFilter } from './useFilter'
import { usePeriod } from './usePeriod'
import { UserPicker } from './UserPicker'

export function LedgerPage() {
  const [userId, setUserId] = useFilter('user')
  const period = usePeriod()
  return (
    <>
      <AdminTitle title="Ledger">
        <ExportButton
          document={ExportLedgerEntriesDocument}
          variables={{ userId, ...momentsOf(period) }}
          what="ledger"
          kind="csv"
          icon={<IconDownload size={16} />}
        >
          Download as CSV
        </ExportButton>
      </AdminTitle>
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm" mb="md">
        <UserPicker label="User" value={userId} onChange={setUserId} />
        <SimpleGrid cols={2} spacing="sm">
          <PeriodFields {...period} />
        </SimpleGrid>
      </SimpleGrid>
      <LedgerTable pages={useLedger({ userId, ...period })} />
    </>
  )
}

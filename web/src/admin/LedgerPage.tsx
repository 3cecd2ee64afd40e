import { Button, SimpleGrid } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { download, fileName } from '../text/download'
import { AdminTitle } from './AdminTitle'
import { ledgerCsv } from './ledgerCsv'
import { LedgerTable } from './LedgerTable'
import { useLedger } from './lists'
import { useFilter } from './useFilter'
import { UserPicker } from './UserPicker'

export function LedgerPage() {
  const [userId, setUserId] = useFilter('user')
  const pages = useLedger({ userId })
  return (
    <>
      <AdminTitle title="Ledger">
        <Button
          variant="default"
          leftSection={<IconDownload size={16} />}
          disabled={pages.rows.length === 0}
          onClick={() => download([ledgerCsv(pages.rows)], fileName('ledger', 'csv', new Date()), 'text/csv')}
        >
          What is shown, as CSV
        </Button>
      </AdminTitle>
      <SimpleGrid cols={{ base: 1, sm: 3 }} mb="md">
        <UserPicker label="User" value={userId} onChange={setUserId} />
      </SimpleGrid>
      <LedgerTable pages={pages} />
    </>
  )
}

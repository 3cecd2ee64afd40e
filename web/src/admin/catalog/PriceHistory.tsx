import { Stack, Title } from '@mantine/core'
import { formatPrice } from '../../format/prices'
import { DateTime } from '../../ui/DateTime'
import { RowsTable, type Column } from '../../ui/RowsTable'
import { UserName } from '../UserName'
import { usePriceChanges, type PriceChange } from './lists'

const COLUMNS: Column<PriceChange>[] = [
  { header: 'Price', isTitle: true, cell: ({ version }) => formatPrice(version.price) },
  { header: 'Version', isNumber: true, cell: ({ version }) => version.version },
  { header: 'Since', cell: ({ version }) => <DateTime iso={version.since} /> },
  // The API has none for the file, the command line and a deleted account.
  { header: 'Set by', cell: ({ changedBy }) => <UserName user={changedBy} name={changedBy?.username ?? 'no user'} /> },
]

/** The versions of the price of a model, newest first. */
export function PriceHistory({ model }: { model: string }) {
  return (
    <Stack gap="xs">
      <Title order={3} size="h5">
        Versions
      </Title>
      <RowsTable pages={usePriceChanges(model)} columns={COLUMNS} noun="version" empty="No versions" minWidth={480} />
    </Stack>
  )
}

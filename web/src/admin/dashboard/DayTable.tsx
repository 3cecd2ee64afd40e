import { Button } from '@mantine/core'
import { useState } from 'react'
import { formatCount } from '../../format/numbers'
import { CsvButton } from '../../ui/CsvButton'
import { DataTable } from '../../ui/DataTable'
import type { Column } from '../../ui/RowsTable'
import { Section } from '../../ui/Section'
import { cacheShare, CLASS_COLUMNS, classCells, dayRows, type DailyUsage, type UsageOfDay } from './data'
import type { Period } from './period'

const COLUMNS: Column<UsageOfDay>[] = [
  { header: 'Day', cell: ({ id }) => id },
  { header: 'Tokens', isNumber: true, cell: ({ tokens }) => formatCount(tokens) },
  { header: 'Messages', isNumber: true, cell: ({ messages }) => formatCount(messages) },
  { header: 'Active users', isNumber: true, cell: ({ activeUsers }) => formatCount(activeUsers) },
  { header: 'Failed', isNumber: true, cell: ({ failures }) => formatCount(failures) },
  { header: 'From cache', isNumber: true, cell: ({ usage }) => cacheShare(usage) },
]

/** The days that are shown at first. */
const SHOWN = 7

type Props = { days: DailyUsage[]; period: Period; label: string; file: string }

/** The values of the charts, as a table. The file has them by model as well, if they are known. */
export function DayTable({ days, period, label, file }: Props) {
  const [isWhole, setWhole] = useState(false)
  const rows = dayRows(days, period)
  const inPeriod = days.filter(({ day }) => day >= period.first && day <= period.last)
  return (
    <Section
      title="By day"
      description={label}
      action={
        <CsvButton
          size="xs"
          name={`days-${file}`}
          header={['day', 'model', 'tokens', 'messages', 'active_users', 'failures', ...CLASS_COLUMNS]}
          rows={() =>
            inPeriod.map((row) => [
              row.day,
              row.model ?? 'all',
              row.tokens,
              row.messages,
              row.activeUsers,
              row.failures,
              ...classCells(row.usage),
            ])
          }
          aria-label="Download CSV: By day"
        />
      }
    >
      <DataTable rows={isWhole ? rows : rows.slice(0, SHOWN)} columns={COLUMNS} />
      {rows.length > SHOWN && (
        <Button variant="default" size="xs" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)} w="fit-content">
          {isWhole ? `Show the last ${SHOWN} days` : `Show all ${rows.length} days`}
        </Button>
      )}
    </Section>
  )
}

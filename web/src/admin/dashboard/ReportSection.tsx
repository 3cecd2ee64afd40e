import type { CsvCell } from '../../format/csv'
import { CsvButton } from '../../ui/CsvButton'
import { DataTable } from '../../ui/DataTable'
import type { Column } from '../../ui/RowsTable'
import { Section } from '../../ui/Section'

type Props<T extends { id: string }> = {
  title: string
  description: string
  rows: readonly T[]
  columns: Column<T>[]
  empty: string
  /** The file with the same rows. */
  csv: { name: string; header: string[]; cells: (row: T) => CsvCell[] }
}

/** A table of the overview, with a download of its rows. */
export function ReportSection<T extends { id: string }>({ title, description, rows, columns, empty, csv }: Props<T>) {
  return (
    <Section
      title={title}
      description={description}
      action={
        rows.length > 0 && (
          <CsvButton
            size="xs"
            name={csv.name}
            header={csv.header}
            rows={() => rows.map(csv.cells)}
            aria-label={`Download CSV: ${title}`}
          />
        )
      }
    >
      <DataTable rows={rows} columns={columns} empty={empty} />
    </Section>
  )
}

import { Text } from '@mantine/core'
import { RowCards } from './RowCards'
import type { Column } from './RowsTable'
import { useIsPhone } from './useIsPhone'
import { WideTable } from './WideTable'

type Props<T extends { id: string }> = {
  rows: readonly T[]
  columns: Column<T>[]
  /** Shown if there are no rows. */
  empty?: string
  minWidth?: number
}

/** A table of rows that are all loaded; cards on narrow screens. */
export function DataTable<T extends { id: string }>({ rows, columns, empty = 'No results', minWidth = 360 }: Props<T>) {
  const isPhone = useIsPhone()
  if (rows.length === 0) return <Text c="dimmed">{empty}</Text>
  const view = { rows, columns, isLoading: false, nameOf: ({ id }: T) => id, isDimmed: () => false }
  return isPhone ? <RowCards {...view} /> : <WideTable {...view} minWidth={minWidth} />
}

import { Table, UnstyledButton } from '@mantine/core'
import { IconArrowDown, IconArrowsSort, IconArrowUp } from '@tabler/icons-react'
import type { Column, RowsView, Sort } from './RowsTable'
import { SelectAll, SelectOne } from './selection'
import classes from './ui.module.css'

type Props<T extends { id: string }> = RowsView<T> & { minWidth: number }

/** Rows in a table, which scrolls sideways where the screen is narrower than `minWidth`. */
export function WideTable<T extends { id: string }>(props: Props<T>) {
  const { rows, isLoading, columns, nameOf, isDimmed, selection, minWidth } = props
  return (
    <Table.ScrollContainer minWidth={minWidth} style={{ opacity: isLoading ? 0.6 : 1 }}>
      <Table striped verticalSpacing="xs" aria-busy={isLoading}>
        <Table.Thead>
          <Table.Tr>
            {selection && (
              <Table.Th w={40}>
                <SelectAll rows={rows} selection={selection} />
              </Table.Th>
            )}
            {columns.map((column) => (
              <Header key={column.header} column={column} />
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.id} aria-selected={selection?.ids.has(row.id)} {...(isDimmed(row) && { c: 'dimmed' })}>
              {selection && (
                <Table.Td>
                  <SelectOne id={row.id} name={nameOf(row)} selection={selection} />
                </Table.Td>
              )}
              {columns.map(({ header, cell, isNumber }) => (
                <Table.Td key={header} className={isNumber ? classes.numbers : undefined}>
                  {cell(row)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}

function Header<T>({ column: { header, isNumber, sort } }: { column: Column<T> }) {
  return (
    <Table.Th className={isNumber ? classes.numbers : classes.nowrap} aria-sort={sort?.direction ?? undefined}>
      {sort ? <SortButton header={header} sort={sort} /> : header}
    </Table.Th>
  )
}

function SortButton({ header, sort: { direction, toggle } }: { header: string; sort: Sort }) {
  const Icon = direction === null ? IconArrowsSort : direction === 'ascending' ? IconArrowUp : IconArrowDown
  return (
    <UnstyledButton className={classes.sort} onClick={toggle}>
      {header}
      <Icon size={14} aria-hidden />
    </UnstyledButton>
  )
}

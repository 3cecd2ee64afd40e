import { Checkbox, Skeleton, Stack, Table, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import type { Pages } from '../graphql/usePages'
import { LoadMore } from './LoadMore'
import { ProblemAlert } from './ProblemAlert'
import classes from './ui.module.css'

/** A column of a table. */
export type Column<T> = {
  header: string
  cell: (row: T) => ReactNode
  /** Aligns digits to the right. */
  isNumber?: boolean
}

/** The selected rows. */
export type Selection = { ids: ReadonlySet<string>; onChange: (ids: ReadonlySet<string>) => void }

type Props<T extends { id: string }> = {
  pages: Pages<T>
  columns: Column<T>[]
  /** The noun for a row, and its plural. */
  noun: string
  plural?: string
  minWidth?: number
  /** Returns the accessible name of a row. */
  nameOf?: (row: T) => string
  selection?: Selection
  /** Whether a row is dimmed. */
  isDimmed?: (row: T) => boolean
}

/** A paginated table, with its loading, empty and error states. */
export function RowsTable<T extends { id: string }>(props: Props<T>) {
  const { pages, columns, noun, plural, minWidth = 640, nameOf, selection, isDimmed } = props
  const { rows, isLoading, problem, reload } = pages
  if (isLoading && rows.length === 0) return <Skeleton height={200} aria-label="Loading" />
  return (
    <Stack gap="sm">
      {problem && <ProblemAlert problem={problem} onRetry={reload} />}
      {rows.length === 0 && !problem && <Text c="dimmed">Nothing here.</Text>}
      {rows.length > 0 && (
        <Table.ScrollContainer minWidth={minWidth} style={{ opacity: isLoading ? 0.6 : 1 }}>
          <Table striped verticalSpacing="xs" aria-busy={isLoading}>
            <Table.Thead>
              <Table.Tr>
                {selection && <SelectAll rows={rows} selection={selection} />}
                {columns.map(({ header, isNumber }) => (
                  <Table.Th key={header} className={isNumber ? classes.numbers : classes.nowrap}>
                    {header}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((row) => (
                <Table.Tr
                  key={row.id}
                  aria-selected={selection?.ids.has(row.id)}
                  {...(isDimmed?.(row) && { c: 'dimmed' })}
                >
                  {selection && <SelectOne id={row.id} name={nameOf?.(row) ?? row.id} selection={selection} />}
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
      )}
      <LoadMore pages={pages} noun={noun} {...(plural !== undefined && { plural })} />
    </Stack>
  )
}

function SelectAll({ rows, selection: { ids, onChange } }: { rows: { id: string }[]; selection: Selection }) {
  const isAll = rows.every((row) => ids.has(row.id))
  return (
    <Table.Th w={40}>
      <Checkbox
        aria-label="Select all that are shown"
        checked={isAll}
        indeterminate={!isAll && rows.some((row) => ids.has(row.id))}
        onChange={() => onChange(new Set(isAll ? [] : rows.map((row) => row.id)))}
      />
    </Table.Th>
  )
}

function SelectOne({ id, name, selection: { ids, onChange } }: { id: string; name: string; selection: Selection }) {
  const toggle = () => {
    const changed = new Set(ids)
    if (!changed.delete(id)) changed.add(id)
    onChange(changed)
  }
  return (
    <Table.Td>
      <Checkbox aria-label={`Select ${name}`} checked={ids.has(id)} onChange={toggle} />
    </Table.Td>
  )
}

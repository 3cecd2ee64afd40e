import { Card, Group, Stack } from '@mantine/core'
import { DescriptionList, type DescriptionItem } from './DescriptionList'
import type { Column, RowsView } from './RowsTable'
import { SelectAll, SelectOne } from './selection'
import classes from './ui.module.css'

/** Rows as cards: one column is the title, the others are a list of names and values. */
export function RowCards<T extends { id: string }>(props: RowsView<T>) {
  const { rows, isLoading, columns, nameOf, isDimmed, selection } = props
  const title = columns.find(({ isTitle }) => isTitle) ?? columns[0]
  const others = columns.filter((column) => column !== title)
  return (
    <Stack gap="xs" style={{ opacity: isLoading ? 0.6 : 1 }} aria-busy={isLoading}>
      {selection && (
        // The checkbox has the name; the text is for the eyes.
        <Group gap={0} fz="sm">
          <SelectAll rows={rows} selection={selection} />
          <span aria-hidden>Select all</span>
        </Group>
      )}
      <Stack component="ul" gap="xs" className={classes.plainList}>
        {rows.map((row) => (
          <Card
            component="li"
            key={row.id}
            withBorder
            padding="sm"
            {...(isDimmed(row) && { c: 'dimmed' })}
            {...(selection?.ids.has(row.id) && { 'data-selected': true })}
            className={classes.rowCard}
          >
            <Group gap="xs" wrap="nowrap" mb="xs">
              {selection && <SelectOne id={row.id} name={nameOf(row)} selection={selection} />}
              <div className={classes.rowCardTitle}>{title?.cell(row)}</div>
            </Group>
            <DescriptionList items={valuesOf(row, others)} />
          </Card>
        ))}
      </Stack>
    </Stack>
  )
}

/** The values of a row by their headers, without empty ones. */
function valuesOf<T>(row: T, columns: readonly Column<T>[]): DescriptionItem[] {
  return columns
    .map(({ header, cell }): DescriptionItem => [header, cell(row)])
    .filter(([, value]) => value !== '' && value !== null)
}

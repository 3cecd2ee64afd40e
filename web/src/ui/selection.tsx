import { Checkbox } from '@mantine/core'
import type { Selection } from './RowsTable'
import classes from './ui.module.css'

export function SelectAll({
  rows,
  selection: { ids, onChange },
}: {
  rows: readonly { id: string }[]
  selection: Selection
}) {
  const isAll = rows.every((row) => ids.has(row.id))
  return (
    <Checkbox
      className={classes.tap}
      aria-label="Select all that are shown"
      checked={isAll}
      indeterminate={!isAll && rows.some((row) => ids.has(row.id))}
      onChange={() => onChange(new Set(isAll ? [] : rows.map((row) => row.id)))}
    />
  )
}

export function SelectOne({
  id,
  name,
  selection: { ids, onChange },
}: {
  id: string
  name: string
  selection: Selection
}) {
  const toggle = () => {
    const changed = new Set(ids)
    if (!changed.delete(id)) changed.add(id)
    onChange(changed)
  }
  return <Checkbox className={classes.tap} aria-label={`Select ${name}`} checked={ids.has(id)} onChange={toggle} />
}

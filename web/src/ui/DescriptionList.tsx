import { Fragment, type ReactNode } from 'react'
import classes from './ui.module.css'

export type DescriptionItem = [name: string, value: ReactNode]

/** A list of names and values, side by side. */
export function DescriptionList({ items }: { items: DescriptionItem[] }) {
  return (
    <dl className={classes.descriptionList}>
      {items.map(([name, value]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  )
}

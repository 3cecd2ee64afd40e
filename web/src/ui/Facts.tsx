import { Fragment, type ReactNode } from 'react'
import classes from './ui.module.css'

export type Fact = [name: string, value: ReactNode]

/** Names and values, side by side. */
export function Facts({ facts }: { facts: Fact[] }) {
  return (
    <dl className={classes.facts}>
      {facts.map(([name, value]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  )
}

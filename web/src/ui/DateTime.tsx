import { formatDateTime } from '../format/dates'
import classes from './ui.module.css'

/** A date and time on one line. */
export function DateTime({ iso }: { iso: string | null }) {
  if (iso === null) return 'never'
  return (
    <time dateTime={iso} className={classes.nowrap}>
      {formatDateTime(iso)}
    </time>
  )
}

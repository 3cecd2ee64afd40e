import { formatDate, formatDateTime } from '../format/dates'
import classes from './ui.module.css'

/** A date; the exact time as a tooltip. */
export function Day({ iso }: { iso: string }) {
  return (
    <time dateTime={iso} title={formatDateTime(iso)} className={classes.nowrap}>
      {formatDate(iso)}
    </time>
  )
}

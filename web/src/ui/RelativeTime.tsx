import { formatDateTime, formatRelativeTime } from '../format/dates'
import { useMinute } from './useMinute'

/** A relative time; the exact time as a tooltip. */
export function RelativeTime({ iso }: { iso: string }) {
  const now = useMinute()
  return (
    <time dateTime={iso} title={formatDateTime(iso)}>
      {formatRelativeTime(iso, now)}
    </time>
  )
}

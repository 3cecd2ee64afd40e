import { useSyncExternalStore } from 'react'
import { formatDateTime, formatRelativeTime } from '../format/dates'

const MINUTE = 60_000

function everyMinute(listener: () => void): () => void {
  const timer = setInterval(listener, MINUTE)
  return () => clearInterval(timer)
}

/** A relative time; the exact time as a tooltip. */
export function RelativeTime({ iso }: { iso: string }) {
  const minute = useSyncExternalStore(everyMinute, () => Math.floor(Date.now() / MINUTE))
  return (
    <time dateTime={iso} title={formatDateTime(iso)}>
      {formatRelativeTime(iso, minute * MINUTE)}
    </time>
  )
}

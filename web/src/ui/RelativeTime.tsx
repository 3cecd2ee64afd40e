import { useSyncExternalStore } from 'react'
import { formatDateTime, formatRelativeTime } from '../format/dates'

const MINUTE = 60_000

function everyMinute(listener: () => void): () => void {
  const timer = setInterval(listener, MINUTE)
  return () => clearInterval(timer)
}

/** How long ago something was; the moment itself where one points at it. */
export function RelativeTime({ iso }: { iso: string }) {
  const minute = useSyncExternalStore(everyMinute, () => Math.floor(Date.now() / MINUTE))
  return (
    <time dateTime={iso} title={formatDateTime(iso)}>
      {formatRelativeTime(iso, minute * MINUTE)}
    </time>
  )
}

const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const monthAndDay = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' })
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })

const STEPS: [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

/** Formats a time with its date, in the local time zone and format. */
export function formatDateTime(iso: string): string {
  return dateAndTime.format(new Date(iso))
}

/** Formats the date of a time, in the local time zone and format. */
export function formatDate(iso: string): string {
  return date.format(new Date(iso))
}

/** Formats "2026-01-31" as "Jan 31", in the local format. */
export function formatMonthDay(day: string): string {
  return monthAndDay.format(new Date(day))
}

/** Parses a day as in URLs and fields, "2026-01-31"; null for anything else. */
export function parseDay(text: string | null): string | null {
  const written = text?.trim() ?? ''
  const at = /^\d{4}-\d{2}-\d{2}$/.test(written) ? new Date(`${written}T00:00Z`) : null
  // The 31st of February would be a day in March.
  return at && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(written) ? written : null
}

/** Parses a day as it is typed: "2026-01-31" or "31.1.2026"; null for anything else. */
export function parseTypedDay(text: string | null): string | null {
  const [, day = '', month = '', year = ''] = /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/.exec(text?.trim() ?? '') ?? []
  return parseDay(year === '' ? text : `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`)
}

/** The validation error of a day that cannot be parsed. */
export const INVALID_DAY = 'Use YYYY-MM-DD or DD.MM.YYYY'

/** Returns the start of a day in the local time zone, or of a later day; null if it is invalid. */
export function startOfDay(day: string, later = 0): string | null {
  const [year, month, date] = (parseDay(day) ?? '').split('-').map(Number)
  if (!year || !month || !date) return null
  return new Date(year, month - 1, date + later).toISOString()
}

/** Returns the last second of a day in the local time zone, so that it is shown as that day. */
export function endOfDay(day: string): string | null {
  const next = startOfDay(day, 1)
  return next && new Date(new Date(next).getTime() - 1000).toISOString()
}

/** Returns the current day in the local time zone, "2026-01-31". */
export function today(now = new Date()): string {
  const parts = [now.getFullYear(), now.getMonth() + 1, now.getDate()]
  return parts.map((part) => String(part).padStart(2, '0')).join('-')
}

/** Formats a time relative to now: "5 min. ago", "yesterday", "just now". */
export function formatRelativeTime(iso: string, now: number): string {
  const seconds = Math.round((new Date(iso).getTime() - now) / 1000)
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit)
  }
  return 'just now'
}

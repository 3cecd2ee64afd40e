import { formatCount, pluralize } from '../../format/numbers'
import { parseDay } from '../../format/dates'

// Days of the overview are days in UTC, as the server counts them.

const DAY = 86_400_000

/** The periods that can be chosen by name. */
export const PERIODS = [
  { value: 'today', label: 'Today' },
  { value: '7', label: 'Last 7 days' },
  { value: '30', label: 'Last 30 days' },
  { value: '90', label: 'Last 90 days' },
  { value: 'month', label: 'This month' },
  { value: 'last-month', label: 'Last month' },
  { value: 'own', label: 'Other days…' },
] as const
export type PeriodName = (typeof PERIODS)[number]['value']

export const DEFAULT_PERIOD: PeriodName = '30'

/** The maximum number of days of an overview. */
export const MAX_DAYS = 366

/** Whole days in UTC, "2026-01-31", the last one included. */
export type Period = { first: string; last: string }

/** Returns the current day in UTC. */
export function utcToday(now: Date): string {
  return now.toISOString().slice(0, 10)
}

/** Returns a day some days later. */
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(day) + days * DAY).toISOString().slice(0, 10)
}

/** Returns the number of days of a period. */
export function daysOf({ first, last }: Period): number {
  return Math.round((Date.parse(last) - Date.parse(first)) / DAY) + 1
}

/** Returns the days of a named period. */
export function namedPeriod(name: Exclude<PeriodName, 'own'>, today: string): Period {
  const firstOfMonth = `${today.slice(0, 8)}01`
  if (name === 'month') return { first: firstOfMonth, last: today }
  if (name === 'last-month') {
    const last = addDays(firstOfMonth, -1)
    return { first: `${last.slice(0, 8)}01`, last }
  }
  return { first: addDays(today, name === 'today' ? 0 : 1 - Number(name)), last: today }
}

/** Returns the period of two days; null if a day is missing, they are the wrong way round, or too many. */
export function ownPeriod(since: string | null, until: string | null): Period | null {
  const first = parseDay(since)
  const last = parseDay(until)
  if (first === null || last === null || last < first) return null
  const period = { first, last }
  return daysOf(period) <= MAX_DAYS ? period : null
}

/** Converts a period to the variables of the overview: the end is exclusive. */
export function timesOf({ first, last }: Period): { since: string; until: string } {
  return { since: `${first}T00:00:00Z`, until: `${addDays(last, 1)}T00:00:00Z` }
}

/** Names the period before: "the 30 days before", "the day before". */
export function previousLabel(period: Period): string {
  const days = daysOf(period)
  return days === 1 ? 'the day before' : `the ${pluralize(days, 'day')} before`
}

/** Describes the change of a value: "+12 %", "−3 %", "no change", "new". */
export function changeLabel(now: number, before: number): string {
  if (now === before) return 'no change'
  if (before === 0) return 'new'
  const percent = Math.round(((now - before) / before) * 100)
  if (percent === 0) return 'about the same'
  return `${percent > 0 ? '+' : '−'}${formatCount(Math.abs(percent))} %`
}

/** Names a period for people: "Last 30 days", "2026-01-01 to 2026-01-31". */
export function periodLabel(name: PeriodName, { first, last }: Period): string {
  if (name !== 'own') return PERIODS.find(({ value }) => value === name)?.label ?? name
  return first === last ? first : `${first} to ${last}`
}

import { addDays, daysOf, type Period } from './period'

/** The usage of one model, or of all models, on one day. */
export type DailyUsage = {
  /** "2026-01-31". */
  day: string
  /** Null for all models. */
  model: string | null
  messages: number
  tokens: number
  activeUsers: number
  failures: number
}

/** A day of a chart: the day, and a value for each model. */
export type ChartDay = { day: string } & Record<string, number | string>

/** The value that a chart shows. */
export type Measure = 'messages' | 'tokens' | 'activeUsers' | 'failures'

/** The name of the series of all models. */
export const ALL_MODELS = 'all models'

/** Returns the names of all models that were used, sorted. */
export function modelsOf(days: readonly DailyUsage[]): string[] {
  return [...new Set(days.flatMap(({ model }) => (model === null ? [] : [model])))].sort()
}

/** Returns the days of a period, oldest first. */
export function daysIn(period: Period): string[] {
  return Array.from({ length: daysOf(period) }, (_, index) => addDays(period.first, index))
}

/** Groups usage by the days of a period: a row for each, with a column for each model and one for all; 0 without usage. */
export function byDay(days: readonly DailyUsage[], measure: Measure, period: Period): ChartDay[] {
  const zeros = Object.fromEntries([...modelsOf(days), ALL_MODELS].map((name) => [name, 0]))
  const rows = new Map(daysIn(period).map((day): [string, ChartDay] => [day, { ...zeros, day }]))
  for (const { day, model, ...measures } of days) {
    const row = rows.get(day)
    if (row) row[model ?? ALL_MODELS] = measures[measure]
  }
  return [...rows.values()]
}

/** The usage of all models on one day. */
export type UsageOfDay = { id: string } & Record<Measure, number>

/** Returns the usage of all models on each day of a period, newest first. */
export function dayRows(days: readonly DailyUsage[], period: Period): UsageOfDay[] {
  const totals = new Map(days.filter(({ model }) => model === null).map((row) => [row.day, row]))
  const rowOf = (day: string): UsageOfDay => {
    const { messages = 0, tokens = 0, activeUsers = 0, failures = 0 } = totals.get(day) ?? {}
    return { id: day, messages, tokens, activeUsers, failures }
  }
  return daysIn(period).map(rowOf).reverse()
}

/** Describes a chart for screen readers: the sum, and the day with the most. */
export function chartSummary(rows: readonly UsageOfDay[], measure: Measure): { sum: number; most: UsageOfDay | null } {
  const sum = rows.reduce((total, row) => total + row[measure], 0)
  const most = rows.reduce<UsageOfDay | null>((best, row) => (row[measure] > (best?.[measure] ?? 0) ? row : best), null)
  return { sum, most }
}

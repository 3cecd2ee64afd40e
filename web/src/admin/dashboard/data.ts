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
  /** The model tokens by class; null or omitted for a day that is not over, or was counted before they were. */
  usage?: UsageByClass | null
}

/** Model tokens by class: `cacheRead` and `cacheWrite` are parts of `input`, `reasoning` of `output`. */
export type UsageByClass = {
  input: number
  cacheRead: number
  cacheWrite: number
  output: number
  reasoning: number
  images: number
}

/** The columns of usage by class in files. */
export const CLASS_COLUMNS = ['input', 'cache_read', 'cache_write', 'output', 'reasoning', 'images']

/** Returns the cells of these columns; empty ones where the usage is unknown. */
export function classCells(usage: UsageByClass | null | undefined): (number | null)[] {
  if (!usage) return CLASS_COLUMNS.map(() => null)
  return [usage.input, usage.cacheRead, usage.cacheWrite, usage.output, usage.reasoning, usage.images]
}

/** Formats the share of the input that came from prompt caches: "75 %"; "–" where it is unknown. */
export function cacheShare(usage: UsageByClass | null | undefined): string {
  return usage && usage.input > 0 ? `${Math.round((usage.cacheRead / usage.input) * 100)} %` : '–'
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
export type UsageOfDay = { id: string; usage?: UsageByClass | null } & Record<Measure, number>

/** Returns the usage of all models on each day of a period, newest first. */
export function dayRows(days: readonly DailyUsage[], period: Period): UsageOfDay[] {
  const totals = new Map(days.filter(({ model }) => model === null).map((row) => [row.day, row]))
  const rowOf = (day: string): UsageOfDay => {
    const { messages = 0, tokens = 0, activeUsers = 0, failures = 0, usage } = totals.get(day) ?? {}
    return { id: day, messages, tokens, activeUsers, failures, usage }
  }
  return daysIn(period).map(rowOf).reverse()
}

/** Describes a chart for screen readers: the sum, and the day with the most. */
export function chartSummary(rows: readonly UsageOfDay[], measure: Measure): { sum: number; most: UsageOfDay | null } {
  const sum = rows.reduce((total, row) => total + row[measure], 0)
  const most = rows.reduce<UsageOfDay | null>((best, row) => (row[measure] > (best?.[measure] ?? 0) ? row : best), null)
  return { sum, most }
}

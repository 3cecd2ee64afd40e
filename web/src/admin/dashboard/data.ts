/** The usage of one model, or of all models, on one day. */
export type DailyUsage = {
  /** "2026-01-31". */
  day: string
  /** Null for all models; this row exists also for days without messages. */
  model: string | null
  messages: number
  tokens: number
  activeUsers: number
  failures: number
}

/** A user and what they spent. The user is null if the account is deleted. */
export type Spender = { user: { id: string; username: string } | null; tokens: number; messages: number }

export type DashboardData = { days: DailyUsage[]; topSpenders: Spender[]; openTurns: number }

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

/** Groups usage by day: a row for each day, with a column for each model and one for all; 0 without usage. */
export function byDay(days: readonly DailyUsage[], measure: Measure): ChartDay[] {
  const zeros = Object.fromEntries(modelsOf(days).map((model) => [model, 0]))
  const rows = new Map<string, ChartDay>()
  for (const { day, model, ...measures } of days) {
    const row = rows.get(day) ?? { ...zeros, day }
    row[model ?? ALL_MODELS] = measures[measure]
    rows.set(day, row)
  }
  return [...rows.values()].sort((a, b) => a.day.localeCompare(b.day))
}

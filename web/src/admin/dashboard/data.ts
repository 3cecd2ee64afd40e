/** What one model did on one day, or all of them together. */
export type DailyUsage = {
  /** "2026-01-31". */
  day: string
  /** Null for all together, which is there for days without messages too. */
  model: string | null
  messages: number
  tokens: number
  activeUsers: number
  failures: number
}

/** A user and what they spent. The user is null if the account is deleted. */
export type Spender = { user: { id: string; username: string } | null; tokens: number; messages: number }

export type DashboardData = { days: DailyUsage[]; topSpenders: Spender[]; openTurns: number }

/** A day in a chart: the day itself, and a number for each model. */
export type ChartDay = { day: string } & Record<string, number | string>

export type Measure = 'messages' | 'tokens' | 'activeUsers' | 'failures'

/** The name of what all models did together. */
export const ALL_MODELS = 'all models'

export function modelsOf(days: readonly DailyUsage[]): string[] {
  return [...new Set(days.flatMap(({ model }) => (model === null ? [] : [model])))].sort()
}

/** One row for each day, with a column for each model and one for all; 0 where a model did nothing. */
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

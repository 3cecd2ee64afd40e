/** What one model did on one day, or all of them together. */
export type DayOfModel = {
  /** "2026-01-31". */
  day: string
  /** Null for all together, which is there for days without messages too. */
  model: string | null
  messages: number
  tokens: number
  activeUsers: number
  failures: number
}

/** The user is null where the account is gone. */
export type Spender = { user: { id: string; username: string } | null; tokens: number; messages: number }

export type DashboardData = { days: DayOfModel[]; topSpenders: Spender[]; openTurns: number }

/** A day in a chart: the day itself, and a number for each model. */
export type ChartDay = { day: string } & Record<string, number | string>

export type Measure = 'messages' | 'tokens' | 'activeUsers' | 'failures'

/** The name of what all models did together. */
export const TOGETHER = 'all models'

export function modelsOf(days: readonly DayOfModel[]): string[] {
  return [...new Set(days.flatMap(({ model }) => (model === null ? [] : [model])))].sort()
}

/** One row for each day, with a column for each model and one for all; 0 where a model did nothing. */
export function byDay(days: readonly DayOfModel[], measure: Measure): ChartDay[] {
  const zeros = Object.fromEntries(modelsOf(days).map((model) => [model, 0]))
  const rows = new Map<string, ChartDay>()
  for (const { day, model, ...measures } of days) {
    const row = rows.get(day) ?? { ...zeros, day }
    row[model ?? TOGETHER] = measures[measure]
    rows.set(day, row)
  }
  return [...rows.values()].sort((a, b) => a.day.localeCompare(b.day))
}

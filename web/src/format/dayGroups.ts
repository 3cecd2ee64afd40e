/** The groups of a list by date, newest first. */
export type DayGroup<T> = { label: string; rows: T[] }

const monthAndYear = new Intl.DateTimeFormat('en', { month: 'long', year: 'numeric' })

/** Groups rows, newest first, by their date in the local time zone: today, yesterday, 7 and 30 days, then months. */
export function groupByDay<T>(rows: readonly T[], timeOf: (row: T) => string, now: number): DayGroup<T>[] {
  const groups: DayGroup<T>[] = []
  for (const row of rows) {
    const label = labelOf(new Date(timeOf(row)), new Date(now))
    const last = groups.at(-1)
    if (last?.label === label) last.rows.push(row)
    else groups.push({ label, rows: [row] })
  }
  return groups
}

function labelOf(time: Date, now: Date): string {
  const days = Math.round((startOf(now) - startOf(time)) / 86_400_000)
  if (days <= 0) return 'Today'
  if (days === 1) return 'Yesterday'
  if (days < 7) return 'Previous 7 days'
  if (days < 30) return 'Previous 30 days'
  return monthAndYear.format(time)
}

/** The start of a day in the local time zone. Days of a change of the clock are not 24 hours long, so differences are rounded. */
function startOf(time: Date): number {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime()
}

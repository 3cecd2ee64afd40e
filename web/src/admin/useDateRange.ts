import { parseDay } from '../format/dates'
import type { DateRange } from './filters'
import { useFilter } from './useFilter'

/** A date range with its setters. */
export type DateRangeFilter = DateRange & {
  setSince: (day: string | null) => void
  setUntil: (day: string | null) => void
}

/** A date range that is kept in the URL. */
export function useDateRange(): DateRangeFilter {
  const [since, setSince] = useFilter('since')
  const [until, setUntil] = useFilter('until')
  return { since: parseDay(since), until: parseDay(until), setSince, setUntil }
}

import { parseDay } from '../format/dates'
import type { DateRange } from './filters'
import { useSearchParam } from '../ui/useSearchParam'

/** A date range with its setters. */
export type DateRangeFilter = DateRange & {
  setSince: (day: string | null) => void
  setUntil: (day: string | null) => void
}

/** A date range that is kept in the URL. */
export function useDateRange(): DateRangeFilter {
  const [since, setSince] = useSearchParam('since')
  const [until, setUntil] = useSearchParam('until')
  return { since: parseDay(since), until: parseDay(until), setSince, setUntil }
}

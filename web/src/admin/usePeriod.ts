import { parseDay } from '../format/dates'
import type { Period } from './filters'
import { useFilter } from './useFilter'

export type PeriodFilter = Period & {
  setSince: (day: string | null) => void
  setUntil: (day: string | null) => void
}

/** From one day to another, as the page's address has it. */
export function usePeriod(): PeriodFilter {
  const [since, setSince] = useFilter('since')
  const [until, setUntil] = useFilter('until')
  return { since: parseDay(since), until: parseDay(until), setSince, setUntil }
}

import { useMinute } from '../../ui/useMinute'
import { useSearchParam } from '../../ui/useSearchParam'
import { parseChoice } from '../filters'
import { useDateRange, type DateRangeFilter } from '../useDateRange'
import { DEFAULT_PERIOD, namedPeriod, ownPeriod, PERIODS, utcToday, type Period, type PeriodName } from './period'

export type PeriodChoice = {
  name: PeriodName
  setName: (name: string | null) => void
  /** Null while own days are being chosen. */
  period: Period | null
  today: string
  range: DateRangeFilter
}

const NAMES = PERIODS.map(({ value }) => value)

/** The period of the dashboard, which is kept in the URL. */
export function usePeriod(): PeriodChoice {
  const [chosen, choose] = useSearchParam('period')
  const range = useDateRange()
  const today = utcToday(new Date(useMinute()))
  const name = parseChoice(NAMES, chosen) ?? DEFAULT_PERIOD
  return {
    name,
    setName: (selected) => choose(selected === DEFAULT_PERIOD ? null : selected),
    period: name === 'own' ? ownPeriod(range.since, range.until) : namedPeriod(name, today),
    today,
    range,
  }
}

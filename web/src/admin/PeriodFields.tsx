import { DayField } from '../ui/DayField'
import type { PeriodFilter } from './usePeriod'

/** From one day to another, both included. */
export function PeriodFields({ since, until, setSince, setUntil }: PeriodFilter) {
  const isBackwards = since !== null && until !== null && until < since
  return (
    <>
      <DayField label="From" value={since} onChange={setSince} />
      <DayField
        label="To"
        value={until}
        onChange={setUntil}
        error={isBackwards && 'Before the day that it begins with'}
      />
    </>
  )
}

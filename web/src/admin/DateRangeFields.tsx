import { DayField } from '../ui/DayField'
import type { DateRangeFilter } from './useDateRange'

/** The fields of a date range, both days included. */
export function DateRangeFields({ since, until, setSince, setUntil }: DateRangeFilter) {
  const isBackwards = since !== null && until !== null && until < since
  return (
    <>
      <DayField label="From" value={since} onChange={setSince} />
      <DayField label="To" value={until} onChange={setUntil} error={isBackwards && 'Before the first day'} />
    </>
  )
}

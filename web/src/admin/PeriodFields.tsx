import '@mantine/dates/styles.css'
import { DateInput } from '@mantine/dates'
import { IconCalendar } from '@tabler/icons-react'
import { dayOf } from './filters'
import type { PeriodFilter } from './usePeriod'

/** From one day to another, both included. */
export function PeriodFields({ since, until, setSince, setUntil }: PeriodFilter) {
  const isBackwards = since !== null && until !== null && until < since
  return (
    <>
      <Day label="From" value={since} onChange={setSince} />
      <Day label="To" value={until} onChange={setUntil} error={isBackwards && 'Before the day that it begins with'} />
    </>
  )
}

type DayProps = {
  label: string
  value: string | null
  onChange: (day: string | null) => void
  error?: string | false
}

/** A day, written or picked. */
function Day({ label, value, onChange, error = false }: DayProps) {
  return (
    <DateInput
      label={label}
      placeholder="Year-month-day"
      leftSection={<IconCalendar size={16} aria-hidden />}
      valueFormat="YYYY-MM-DD"
      // Nothing is made of a date that is half written.
      dateParser={dayOf}
      clearable
      clearButtonProps={{ 'aria-label': `Clear ${label.toLowerCase()}` }}
      ariaLabels={{
        previousMonth: 'Month before',
        nextMonth: 'Month after',
        previousYear: 'Year before',
        nextYear: 'Year after',
        previousDecade: 'Ten years before',
        nextDecade: 'Ten years after',
      }}
      highlightToday
      hideOutsideDates
      weekendDays={[]}
      value={value}
      onChange={onChange}
      error={error}
    />
  )
}

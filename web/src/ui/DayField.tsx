import '@mantine/dates/styles.css'
import { DateInput, type DateInputProps } from '@mantine/dates'
import { IconCalendar } from '@tabler/icons-react'
import { useState } from 'react'
import { parseDay } from '../format/dates'

type Props = DateInputProps & { label: string }

/** A field for a day, typed or picked from a calendar. */
export function DayField({ label, ...rest }: Props) {
  const [isOpen, setOpen] = useState(false)
  return (
    <DateInput
      label={label}
      placeholder="Year-month-day"
      leftSection={<IconCalendar size={16} aria-hidden />}
      valueFormat="YYYY-MM-DD"
      // An incomplete date is not completed.
      dateParser={parseDay}
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
      popoverProps={{ onOpen: () => setOpen(true), onClose: () => setOpen(false) }}
      // Escape closes the calendar, and not the dialog around it.
      data-mantine-stop-propagation={isOpen || undefined}
      {...rest}
    />
  )
}

import '@mantine/dates/styles.css'
import { DateInput, type DateInputProps } from '@mantine/dates'
import { IconCalendar } from '@tabler/icons-react'
import { useState } from 'react'
import { INVALID_DAY, parseTypedDay } from '../format/dates'

/** Milliseconds in which a press of a button becomes a click. */
const AFTER_CLICK = 200

type Props = DateInputProps & { label: string }

/** A field for a day, typed or picked from a calendar. What is no day stays, and is said to be none. */
export function DayField({ label, error, onChange, onBlur, ...rest }: Props) {
  const [isOpen, setOpen] = useState(false)
  const [isInvalid, setInvalid] = useState(false)
  return (
    <DateInput
      label={label}
      placeholder="YYYY-MM-DD"
      leftSection={<IconCalendar size={16} aria-hidden />}
      valueFormat="YYYY-MM-DD"
      // An incomplete date is not completed.
      dateParser={parseTypedDay}
      fixOnBlur={false}
      error={isInvalid ? INVALID_DAY : error}
      onChange={(day) => {
        setInvalid(false)
        onChange?.(day)
      }}
      onBlur={(event) => {
        const text = event.currentTarget.value
        const isNoDay = text.trim() !== '' && parseTypedDay(text) === null
        // After the click that took the focus: the message moves what is below, such as the button that is pressed.
        setTimeout(() => setInvalid(isNoDay), AFTER_CLICK)
        onBlur?.(event)
      }}
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

import { Group, Select } from '@mantine/core'
import { DateRangeFields } from '../DateRangeFields'
import { MAX_DAYS, PERIODS } from './period'
import type { PeriodChoice } from './usePeriod'

/** The period of the dashboard: a named one, or own days. */
export function PeriodPicker({ name, setName, period, range }: PeriodChoice) {
  return (
    <Group align="start" gap="sm" mb="md">
      <Select
        label="Period"
        description="Days in UTC"
        data={PERIODS}
        value={name}
        onChange={setName}
        allowDeselect={false}
        w={{ base: '100%', xs: 200 }}
        inputWrapperOrder={['label', 'input', 'description', 'error']}
        {...(period === null && { error: `Choose two days, at most ${MAX_DAYS} apart` })}
      />
      {name === 'own' && <DateRangeFields {...range} />}
    </Group>
  )
}

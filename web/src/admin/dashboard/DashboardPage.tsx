import { Text } from '@mantine/core'
import { AdminTitle } from '../AdminTitle'
import { Dashboard } from './Dashboard'
import { FindUser } from './FindUser'
import { FirstProvider } from './FirstProvider'
import { periodLabel } from './period'
import { PeriodPicker } from './PeriodPicker'
import { usePeriod } from './usePeriod'

export default function DashboardPage() {
  const choice = usePeriod()
  const { name, period, today } = choice
  return (
    <>
      <AdminTitle title="Dashboard">
        <FindUser />
      </AdminTitle>
      <FirstProvider />
      <PeriodPicker {...choice} />
      {period ? (
        <Dashboard period={period} label={periodLabel(name, period)} today={today} />
      ) : (
        <Text c="dimmed">Choose the first and the last day.</Text>
      )}
    </>
  )
}

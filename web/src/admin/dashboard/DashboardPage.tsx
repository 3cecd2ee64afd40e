import { IconChartBar } from '@tabler/icons-react'
import { lazy } from 'react'
import { Message } from '../../ui/Message'
import { AdminTitle } from '../AdminTitle'
import { useDashboard } from './useDashboard'

// The chart library loads when there is something to draw.
const Dashboard = lazy(() => import('./Dashboard'))

export default function DashboardPage() {
  const data = useDashboard()
  return (
    <>
      <AdminTitle title="Dashboard" />
      {data ? (
        <Dashboard data={data} />
      ) : (
        <Message Icon={IconChartBar} title="No data source yet">
          The server does not tell these numbers yet. Users, chats and the ledger are at the side.
        </Message>
      )}
    </>
  )
}

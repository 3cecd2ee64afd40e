import { lazy } from 'react'
import { PageLoader } from '../../ui/PageLoader'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { AdminTitle } from '../AdminTitle'
import { useDashboard } from './useDashboard'

// The chart library loads with the first data.
const Dashboard = lazy(() => import('./Dashboard'))

export default function DashboardPage() {
  const { data, problem } = useDashboard()
  return (
    <>
      <AdminTitle title="Dashboard" />
      {problem && <ProblemAlert problem={problem} />}
      {data && <Dashboard data={data} />}
      {!data && !problem && <PageLoader />}
    </>
  )
}

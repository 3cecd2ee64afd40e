import { useQuery } from 'urql'
import { DashboardDocument } from '../../gql/admin'
import { problemOfCombinedError, type Problem } from '../../graphql/problem'
import type { DashboardData } from './data'

/** The number of days that are shown, today included. */
export const DAYS = 30

type Loading = { data: DashboardData | null; problem: Problem | null }

/** Loads the data of the dashboard. */
export function useDashboard(): Loading {
  const [{ data, error }] = useQuery({
    query: DashboardDocument,
    variables: { days: DAYS },
    requestPolicy: 'cache-and-network',
  })
  if (error) return { data: null, problem: problemOfCombinedError(error) }
  if (!data) return { data: null, problem: null }
  const days = data.usage ?? []
  return {
    data: { days, topSpenders: data.topSpenders ?? [], openTurns: data.openTurns ?? 0 },
    problem: null,
  }
}

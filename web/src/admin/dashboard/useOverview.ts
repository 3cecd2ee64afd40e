import { useQuery } from 'urql'
import { OverviewDocument, RecentUsageDocument, type OverviewQuery, type RecentUsageQuery } from '../../gql/admin'
import { problemOfCombinedError, type Problem } from '../../graphql/problem'
import type { DailyUsage } from './data'
import { daysOf, MAX_DAYS, timesOf, type Period } from './period'

export type OverviewData = NonNullable<OverviewQuery['overview']>
export type Spender = NonNullable<RecentUsageQuery['topSpenders']>[number]

type Loading = {
  overview: OverviewData | null
  /** Usage by day; also by model, if the period is recent enough. */
  days: DailyUsage[]
  /** Null if the period does not end today: the API has the last days only. */
  topSpenders: Spender[] | null
  isLoading: boolean
  problem: Problem | null
  reload: () => void
}

/** Loads the overview of a period. */
export function useOverview(period: Period, today: string): Loading {
  const [{ data, error, fetching, stale }, load] = useQuery({
    query: OverviewDocument,
    variables: timesOf(period),
    requestPolicy: 'cache-and-network',
  })
  const days = daysOf({ first: period.first, last: today })
  const isRecent = days > 0 && days <= MAX_DAYS
  const [recent, loadRecent] = useQuery({
    query: RecentUsageDocument,
    variables: { days: isRecent ? days : 1 },
    requestPolicy: 'cache-and-network',
    pause: !isRecent,
  })
  const overview = data?.overview ?? null
  const failed = error ?? recent.error
  return {
    overview,
    days: (isRecent ? recent.data?.usage : null) ?? overview?.days ?? [],
    topSpenders: isRecent && period.last === today ? (recent.data?.topSpenders ?? []) : null,
    isLoading: fetching || stale || recent.fetching,
    problem: failed ? problemOfCombinedError(failed) : null,
    reload: () => {
      load({ requestPolicy: 'network-only' })
      loadRecent({ requestPolicy: 'network-only' })
    },
  }
}

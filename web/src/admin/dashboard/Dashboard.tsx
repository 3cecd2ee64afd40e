import { SimpleGrid, Skeleton, Stack } from '@mantine/core'
import { lazy, Suspense } from 'react'
import { formatCount, pluralize } from '../../format/numbers'
import { PageLoader } from '../../ui/PageLoader'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { DayTable } from './DayTable'
import { FigureCard, Figures } from './Figures'
import { figuresOf } from './figures'
import { LowBalances } from './LowBalances'
import { previousLabel, type Period } from './period'
import { RunningNow } from './RunningNow'
import { ApiKeyUsage, ModelUsage, TopSpenders } from './UsageTables'
import { useOverview } from './useOverview'

// The chart library loads with the first data.
const UsageCharts = lazy(() => import('./UsageCharts'))

type Props = { period: Period; label: string; today: string }

/** The overview of a period: totals, charts, and tables by model, API key, user and day. */
export function Dashboard({ period, label, today }: Props) {
  const { overview, days, topSpenders, isLoading, problem, reload } = useOverview(period, today)
  if (problem && !overview) return <ProblemAlert problem={problem} onRetry={reload} />
  if (!overview) return <PageLoader />
  const { totals, previous, outstanding } = overview
  const table = { period: label, file: `${period.first}-${period.last}` }
  return (
    <Stack gap="lg" aria-busy={isLoading} style={{ opacity: isLoading ? 0.6 : 1 }}>
      {problem && <ProblemAlert problem={problem} onRetry={reload} />}
      <Figures figures={totals ? figuresOf(totals, previous) : []} previous={previousLabel(period)}>
        {outstanding && (
          <FigureCard
            label="Outstanding tokens"
            value={formatCount(outstanding.tokens)}
            details={`Balances of ${pluralize(outstanding.users, 'user')} now`}
          >
            {formatCount(outstanding.held)} more are reserved for answers in progress
          </FigureCard>
        )}
        <RunningNow />
      </Figures>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <ModelUsage rows={overview.models ?? []} {...table} />
        <ApiKeyUsage rows={overview.apiKeys ?? []} {...table} />
      </SimpleGrid>
      <Suspense fallback={<Skeleton height={300} aria-label="Loading" />}>
        <UsageCharts days={days} period={period} />
      </Suspense>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <LowBalances today={today} />
        {topSpenders && <TopSpenders rows={topSpenders} {...table} />}
      </SimpleGrid>
      <DayTable days={days} period={period} label={label} file={table.file} />
    </Stack>
  )
}

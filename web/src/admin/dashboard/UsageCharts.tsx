import '@mantine/charts/styles.css'
// For the legend.
import '@mantine/core/styles/ColorSwatch.css'
import { BarChart } from '@mantine/charts'
import { SimpleGrid } from '@mantine/core'
import { formatMonthDay } from '../../format/dates'
import { formatCount } from '../../format/numbers'
import { Section } from '../../ui/Section'
import { ALL_MODELS, byDay, chartSummary, dayRows, modelsOf, type DailyUsage, type Measure } from './data'
import type { Period } from './period'

const CHARTS: { measure: Measure; title: string; isByModel: boolean }[] = [
  { measure: 'tokens', title: 'Tokens spent', isByModel: true },
  { measure: 'messages', title: 'Messages', isByModel: true },
  // A user of two models counts once.
  { measure: 'activeUsers', title: 'Active users', isByModel: false },
  { measure: 'failures', title: 'Failed answers', isByModel: true },
]

/** Readable on both backgrounds. */
const COLOURS = ['teal.7', 'indigo.6', 'orange.8', 'grape.6', 'cyan.7', 'pink.6', 'lime.9', 'yellow.9']

/** The usage by day, stacked by model where it is known. */
export default function UsageCharts({ days, period }: { days: DailyUsage[]; period: Period }) {
  const series = modelsOf(days).map((name, index) => ({ name, color: COLOURS[index % COLOURS.length] ?? 'gray.6' }))
  const rows = dayRows(days, period)
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }}>
      {CHARTS.map(({ measure, title, isByModel }) => {
        const { sum, most } = chartSummary(rows, measure)
        const isStacked = isByModel && series.length > 0
        // Users of several days are one user in the totals.
        const total = measure === 'activeUsers' ? '' : `${formatCount(sum)} in total`
        const peak = most ? `most on ${formatMonthDay(most.id)}: ${formatCount(most[measure])}` : 'none'
        return (
          <Section key={measure} title={title} description={[total, peak].filter(Boolean).join(', ')}>
            <BarChart
              h={220}
              data={byDay(days, measure, period)}
              dataKey="day"
              type="stacked"
              series={isStacked ? series : [{ name: ALL_MODELS, color: 'teal.7' }]}
              withLegend={isStacked && series.length > 1}
              valueFormatter={formatCount}
              xAxisProps={{ tickFormatter: formatMonthDay, interval: 'equidistantPreserveStart', minTickGap: 16 }}
              // All values are counts.
              yAxisProps={{ allowDecimals: false, tickFormatter: formatShort }}
              role="img"
              aria-label={`Chart: ${title.toLowerCase()} by day, ${[total, peak].filter(Boolean).join(', ')}. The values are in the table “By day”.`}
            />
          </Section>
        )
      })}
    </SimpleGrid>
  )
}

const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** "25K", which fits beside the chart. */
function formatShort(value: number): string {
  return short.format(value)
}

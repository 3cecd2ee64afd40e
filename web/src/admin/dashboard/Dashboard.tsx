import '@mantine/charts/styles.css'
// For the legend.
import '@mantine/core/styles/ColorSwatch.css'
import { BarChart } from '@mantine/charts'
import { SimpleGrid, Stack, Table, Text } from '@mantine/core'
import { formatMonthDay } from '../../format/dates'
import { formatCount } from '../../format/numbers'
import { Section } from '../../ui/Section'
import classes from '../../ui/ui.module.css'
import { UserName } from '../UserName'
import { ALL_MODELS, byDay, modelsOf, type DashboardData, type Measure } from './data'

const CHARTS: { measure: Measure; title: string; isByModel: boolean }[] = [
  { measure: 'messages', title: 'Messages', isByModel: true },
  { measure: 'tokens', title: 'Tokens spent', isByModel: true },
  // A user of two models counts once.
  { measure: 'activeUsers', title: 'Active users', isByModel: false },
  { measure: 'failures', title: 'Failed answers', isByModel: true },
]

const COLOURS = ['teal.7', 'indigo.6', 'orange.6', 'grape.6', 'cyan.7', 'pink.6', 'lime.7', 'yellow.7']

/** The usage of the server by day and model. */
export default function Dashboard({ data: { days, topSpenders, openTurns } }: { data: DashboardData }) {
  const series = modelsOf(days).map((name, index) => ({ name, color: COLOURS[index % COLOURS.length] ?? 'gray.6' }))
  return (
    <Stack gap="lg">
      <Text size="sm">
        Running now: <strong>{formatCount(openTurns)}</strong>
      </Text>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        {CHARTS.map(({ measure, title, isByModel }) => (
          <Section key={measure} title={title} description="Last 30 days">
            <BarChart
              h={240}
              data={byDay(days, measure)}
              dataKey="day"
              type="stacked"
              series={isByModel ? series : [{ name: ALL_MODELS, color: 'teal.7' }]}
              withLegend={isByModel && series.length > 1}
              valueFormatter={formatCount}
              xAxisProps={{ tickFormatter: formatMonthDay, interval: 'equidistantPreserveStart', minTickGap: 16 }}
              // All values are counts.
              yAxisProps={{ allowDecimals: false }}
              role="img"
              aria-label={`${title} by day`}
            />
          </Section>
        ))}
      </SimpleGrid>
      <Section title="Top spenders, last 30 days">
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>User</Table.Th>
              <Table.Th className={classes.numbers}>Tokens</Table.Th>
              <Table.Th className={classes.numbers}>Messages</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {topSpenders.map(({ user, tokens, messages }, place) => (
              <Table.Tr key={user?.id ?? place}>
                <Table.Td>
                  <UserName user={user} name={user?.username ?? 'deleted'} />
                </Table.Td>
                <Table.Td className={classes.numbers}>{formatCount(tokens)}</Table.Td>
                <Table.Td className={classes.numbers}>{formatCount(messages)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Section>
    </Stack>
  )
}

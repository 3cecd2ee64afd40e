import { Badge, Button, Stack, Text } from '@mantine/core'
import { IconRefresh } from '@tabler/icons-react'
import { useCallback } from 'react'
import { formatCount } from '../../format/numbers'
import { ResetBreakerDocument, RouteStatesDocument, type BreakerStatus } from '../../gql/admin'
import { mutate, query } from '../../graphql/client'
import { EMPTY_PAGE } from '../../graphql/pagedList'
import { usePages } from '../../graphql/usePages'
import { useViewer } from '../../session/context'
import { notifyProblem } from '../../ui/confirm'
import { RelativeTime } from '../../ui/RelativeTime'
import { RowsTable, type Column } from '../../ui/RowsTable'
import { Section } from '../../ui/Section'
import { showToast } from '../../ui/toast'
import { BREAKER_LABELS, errorsLabel, latencyLabel, replaceRoutes, routeRows, upstreamLabel } from './routeStates'
import type { RouteRow } from './routeStates'

const COLORS: Record<BreakerStatus, string> = { CLOSED: 'green', HALF_OPEN: 'orange', OPEN: 'red' }

/** The most models of a page, each with its routes. */
const PAGE = 20

/** The routes that this server has used in the last hour, or whose breaker is not closed. */
export function RouteStates() {
  const { client, user } = useViewer()
  const load = useCallback(
    async (after: string | null) => {
      const page = (await query(client, RouteStatesDocument, { first: PAGE, after })).catalogModels
      return page ? { ...page, nodes: page.nodes.flatMap(routeRows) } : EMPTY_PAGE
    },
    [client],
  )
  const pages = usePages(load)

  const reset = async ({ model, provider, ...row }: RouteRow) => {
    const input = { model, ...(provider && { providerId: provider.id }) }
    const { model: changed } = await mutate(client, ResetBreakerDocument, { input })
    if (changed) pages.change((rows) => replaceRoutes(rows, changed))
    showToast({ message: `Breaker of ${upstreamLabel({ provider, ...row })} closed.` })
  }
  return (
    <Section
      title="Routes in use"
      description="Calls of the last hour, and circuit breakers, as the server that answered has seen them. Each server has its own."
      action={
        <Button
          size="xs"
          variant="default"
          leftSection={<IconRefresh size={14} aria-hidden />}
          loading={pages.isLoading}
          onClick={pages.reload}
        >
          Refresh
        </Button>
      }
    >
      <RowsTable
        pages={pages}
        columns={columns(user.isSuperuser ? (row) => void reset(row).catch(notifyProblem) : null)}
        noun="route"
        empty="No calls in the last hour"
        minWidth={920}
        nameOf={({ title }) => title}
      />
    </Section>
  )
}

function columns(reset: ((row: RouteRow) => void) | null): Column<RouteRow>[] {
  return [
    { header: 'Model', cell: (row) => <Route row={row} /> },
    { header: 'Breaker', cell: (row) => <Breaker row={row} reset={reset} /> },
    { header: 'Calls', isNumber: true, cell: ({ lastHour }) => formatCount(lastHour.calls) },
    { header: 'Errors', cell: ({ lastHour }) => errorsLabel(lastHour.errors) },
    { header: 'First byte', cell: ({ lastHour }) => latencyLabel(lastHour.firstByte) },
    { header: 'Whole reply', cell: ({ lastHour }) => latencyLabel(lastHour.whole) },
    { header: 'Last error', cell: (row) => <LastError row={row} /> },
  ]
}

function Route({ row }: { row: RouteRow }) {
  return (
    <Stack gap={2} maw={220} style={{ overflowWrap: 'anywhere' }}>
      <Text span size="sm" fw={600}>
        {row.title}
      </Text>
      <Text size="xs" c="dimmed">
        {upstreamLabel(row)}: {row.upstreamModel}
      </Text>
    </Stack>
  )
}

function Breaker({ row, reset }: { row: RouteRow; reset: ((row: RouteRow) => void) | null }) {
  const { status, since, until } = row.breaker
  return (
    <Stack gap={4} align="start">
      <Badge color={COLORS[status]} variant="light" autoContrast miw="max-content">
        {BREAKER_LABELS[status]}
      </Badge>
      {since !== null && (
        <Text size="xs" c="dimmed">
          since <RelativeTime iso={since} />
        </Text>
      )}
      {until !== null && (
        <Text size="xs" c="dimmed">
          until <time dateTime={until}>{new Date(until).toLocaleTimeString()}</time>
        </Text>
      )}
      {reset && status !== 'CLOSED' && (
        <Button
          size="compact-xs"
          variant="default"
          aria-label={`Reset breaker of ${row.title}, ${upstreamLabel(row)}`}
          onClick={() => reset(row)}
        >
          Reset breaker
        </Button>
      )}
    </Stack>
  )
}

function LastError({ row: { lastError } }: { row: RouteRow }) {
  if (lastError === null) return '–'
  return (
    <Stack gap={2} maw={320} style={{ overflowWrap: 'anywhere' }}>
      <Text span size="xs" lineClamp={4} title={lastError.message}>
        {lastError.message}
      </Text>
      <Text size="xs" c="dimmed">
        <RelativeTime iso={lastError.at} />
      </Text>
    </Stack>
  )
}

import { formatDuration } from '../../format/durations'
import { formatCount } from '../../format/numbers'
import type { BreakerStatus, RouteErrorKind, RouteStatesFragment } from '../../gql/admin'

type State = RouteStatesFragment['routeStates'][number]

/** A route of a model, with its state on the server that answered. */
export type RouteRow = State & { id: string; model: string; title: string }

export const BREAKER_LABELS: Record<BreakerStatus, string> = {
  CLOSED: 'closed',
  HALF_OPEN: 'half-open',
  OPEN: 'open',
}

const ERROR_LABELS: Record<RouteErrorKind, string> = {
  CONFIGURATION: 'configuration',
  CONNECTION: 'connection',
  INTERRUPTED: 'interrupted',
  RATE_LIMITED: 'rate limited',
  REJECTED: 'rejected',
  UPSTREAM: 'upstream',
}

/** Returns a row for each route of a model. */
export function routeRows({ name, title, routeStates }: RouteStatesFragment): RouteRow[] {
  return routeStates.map((state, at) => ({ ...state, id: `${at} ${name}`, model: name, title }))
}

/** Replaces the rows of a model. */
export function replaceRoutes(rows: readonly RouteRow[], changed: RouteStatesFragment): RouteRow[] {
  const now = new Map(routeRows(changed).map((row) => [row.id, row]))
  return rows.map((row) => now.get(row.id) ?? row)
}

/** Names the upstream of a route: its provider or, for a model of the file, its host. */
export function upstreamLabel({ provider, host }: Pick<RouteRow, 'provider' | 'host'>): string {
  return provider?.name ?? host
}

/** Describes failed calls: "5 connection, 1 rate limited"; "0". */
export function errorsLabel(errors: State['lastHour']['errors']): string {
  if (errors.length === 0) return '0'
  return errors.map(({ kind, count }) => `${formatCount(count)} ${ERROR_LABELS[kind]}`).join(', ')
}

/** Describes a latency, the median first: "420 ms, 95 % 2.1 s"; "–" without any. */
export function latencyLabel(latency: State['lastHour']['whole']): string {
  return latency === null ? '–' : `${shortDuration(latency.p50Ms)}, 95 % ${shortDuration(latency.p95Ms)}`
}

/** The first byte of a service nearby takes milliseconds. */
function shortDuration(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds} ms` : formatDuration(milliseconds)
}

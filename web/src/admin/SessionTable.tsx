import { deviceLabel } from '../format/devices'
import { DateTime } from '../ui/DateTime'
import { RelativeTime } from '../ui/RelativeTime'
import { RowsTable, type Column } from '../ui/RowsTable'
import { useSessions, type SessionRow } from './lists'

const COLUMNS: Column<SessionRow>[] = [
  { header: 'Device', cell: ({ userAgent }) => <span title={userAgent ?? undefined}>{deviceLabel(userAgent)}</span> },
  { header: 'Address', cell: ({ address }) => address ?? 'unknown' },
  { header: 'Logged in', cell: ({ createdAt }) => <DateTime iso={createdAt} /> },
  { header: 'Last used', cell: ({ lastUsedAt }) => <RelativeTime iso={lastUsedAt} /> },
  { header: 'Expires', cell: ({ expiresAt }) => <DateTime iso={expiresAt} /> },
]

/** The devices on which a user is logged in. */
export function SessionTable({ userId }: { userId: string }) {
  return <RowsTable pages={useSessions(userId)} columns={COLUMNS} noun="session" empty="Not logged in anywhere" />
}

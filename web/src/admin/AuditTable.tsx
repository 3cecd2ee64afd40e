import { Anchor, Text } from '@mantine/core'
import { Link } from 'react-router'
import type { Pages } from '../graphql/usePages'
import { DateTime } from '../ui/DateTime'
import { RowsTable, type Column } from '../ui/RowsTable'
import classes from '../ui/ui.module.css'
import { actionLabel, formatDetails, targetOwner } from './auditLabels'
import type { AuditRow } from './lists'
import { UserName } from './UserName'

/** Returns the path of the audit log of a user, a message or an API key, by its global id. */
export function auditPath(targetId: string): string {
  return `/admin/audit?target=${encodeURIComponent(targetId)}`
}

const COLUMNS: Column<AuditRow>[] = [
  { header: 'When', cell: ({ createdAt }) => <DateTime iso={createdAt} /> },
  { header: 'Actor', cell: ({ actor, actorName }) => <UserName user={actor} name={actorName} /> },
  { header: 'Action', isTitle: true, cell: (event) => <What event={event} /> },
  { header: 'Target', cell: (event) => <Target event={event} /> },
  { header: 'Details', cell: formatDetails },
]

export function AuditTable({ pages }: { pages: Pages<AuditRow> }) {
  return <RowsTable pages={pages} columns={COLUMNS} noun="event" empty="No events" minWidth={900} />
}

function What({ event }: { event: AuditRow }) {
  const label = actionLabel(event)
  return (
    <Text span size="sm" lineClamp={2} maw={320} title={label} style={{ overflowWrap: 'anywhere' }}>
      {label}
    </Text>
  )
}

/** Links to the user, or to the audit log if the user is deleted. */
function Target({ event }: { event: AuditRow }) {
  const { user, targetId } = event
  const name = targetOwner(event)
  if (user || targetId === null) return <UserName user={user} name={name} />
  return (
    <Anchor component={Link} to={auditPath(targetId)} size="sm" c="dimmed" className={classes.name} title={name}>
      {name}
    </Anchor>
  )
}

import { Anchor } from '@mantine/core'
import { Link } from 'react-router'
import type { Pages } from '../graphql/usePages'
import { Moment } from '../ui/Moment'
import { RowsTable, type Column } from '../ui/RowsTable'
import classes from '../ui/ui.module.css'
import { actionInWords, detailsInWords } from './auditWords'
import type { AuditRow } from './lists'
import { UserName } from './UserName'

/** Where all is told that was done to a user or a chat, by the global id. */
export function auditPath(targetId: string): string {
  return `/admin/audit?target=${encodeURIComponent(targetId)}`
}

const COLUMNS: Column<AuditRow>[] = [
  { header: 'When', cell: ({ createdAt }) => <Moment iso={createdAt} /> },
  { header: 'Who', cell: ({ actor, actorName }) => <UserName user={actor} name={actorName} /> },
  { header: 'What', cell: (event) => <What event={event} /> },
  { header: 'To whom', cell: (event) => <Target event={event} /> },
  { header: 'Details', cell: ({ details }) => detailsInWords(details) },
]

export function AuditTable({ pages }: { pages: Pages<AuditRow> }) {
  return <RowsTable pages={pages} columns={COLUMNS} what="act" minWidth={900} />
}

function What({ event: { action, targetName } }: { event: AuditRow }) {
  const words = actionInWords(action, targetName)
  return (
    <span className={classes.name} title={words}>
      {words}
    </span>
  )
}

/** Leads to the user; to the history alone where the user is gone. */
function Target({ event: { user, targetId, targetName } }: { event: AuditRow }) {
  if (user || targetId === null) return <UserName user={user} name={targetName} />
  return (
    <Anchor component={Link} to={auditPath(targetId)} size="sm" c="dimmed" className={classes.name} title={targetName}>
      {targetName}
    </Anchor>
  )
}

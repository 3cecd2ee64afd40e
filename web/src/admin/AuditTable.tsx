import { Anchor, Text } from '@mantine/core'
import { useMemo, useState } from 'react'
import { Link } from 'react-router'
import type { Pages } from '../graphql/usePages'
import { DateTime } from '../ui/DateTime'
import { RowsTable, type Column } from '../ui/RowsTable'
import classes from '../ui/ui.module.css'
import { actionLabel, formatDetails, isOfOneChat, targetOwner } from './auditLabels'
import type { AuditRow } from './lists'
import { LoadedChatDialog } from './LoadedChatDialog'
import { auditPath } from './paths'
import { UserName } from './UserName'

function columns(open: (chatId: string) => void): Column<AuditRow>[] {
  return [
    { header: 'When', cell: ({ createdAt }) => <DateTime iso={createdAt} /> },
    { header: 'Actor', cell: ({ actor, actorName }) => <UserName user={actor} name={actorName} /> },
    { header: 'Action', isTitle: true, cell: (event) => <What event={event} onOpen={open} /> },
    { header: 'Target', cell: (event) => <Target event={event} /> },
    { header: 'Details', cell: formatDetails },
  ]
}

export function AuditTable({ pages }: { pages: Pages<AuditRow> }) {
  const [opened, setOpened] = useState<string | null>(null)
  const shown = useMemo(() => columns(setOpened), [])
  return (
    <>
      <RowsTable pages={pages} columns={shown} noun="event" empty="No events" minWidth={900} />
      <LoadedChatDialog chatId={opened} onClose={() => setOpened(null)} onDeleted={pages.reload} />
    </>
  )
}

function What({ event, onOpen }: { event: AuditRow; onOpen: (chatId: string) => void }) {
  const label = actionLabel(event)
  const { targetId } = event
  return (
    <>
      <Text span size="sm" lineClamp={2} maw={320} title={label} style={{ overflowWrap: 'anywhere' }}>
        {label}
      </Text>
      {targetId !== null && isOfOneChat(event) && (
        <Anchor component="button" type="button" size="sm" underline="always" onClick={() => onOpen(targetId)}>
          open
        </Anchor>
      )}
    </>
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

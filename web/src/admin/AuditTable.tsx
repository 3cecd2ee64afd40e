import { Code } from '@mantine/core'
import type { Pages } from '../graphql/usePages'
import { Moment } from '../ui/Moment'
import { RowsTable, type Column } from '../ui/RowsTable'
import { actionInWords, detailsInWords } from './auditWords'
import type { AuditRow } from './lists'
import { UserName } from './UserName'

const COLUMNS: Column<AuditRow>[] = [
  { header: 'When', cell: ({ createdAt }) => <Moment iso={createdAt} /> },
  { header: 'Who', cell: ({ actor, actorName }) => <UserName user={actor} name={actorName} /> },
  { header: 'What', cell: ({ action }) => actionInWords(action) },
  { header: 'To whom', cell: ({ user, targetName }) => <UserName user={user} name={targetName} /> },
  { header: 'Details', cell: ({ details }) => <Code>{detailsInWords(details)}</Code> },
]

export function AuditTable({ pages }: { pages: Pages<AuditRow> }) {
  return <RowsTable pages={pages} columns={COLUMNS} what="act" />
}

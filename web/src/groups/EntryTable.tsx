import { Text } from '@mantine/core'
import { useCallback } from 'react'
import { formatCount, formatSigned } from '../format/numbers'
import { reasonLabel } from '../format/reasons'
import { GroupLedgerDocument } from '../gql/groups'
import { query } from '../graphql/client'
import { EMPTY_PAGE } from '../graphql/pagedList'
import { usePages } from '../graphql/usePages'
import { useViewer } from '../session/context'
import { DateTime } from '../ui/DateTime'
import { RowsTable, type Column } from '../ui/RowsTable'
import classes from '../ui/ui.module.css'
import { causeOf, type GroupEntry } from './groups'

const COLUMNS: Column<GroupEntry>[] = [
  { header: 'When', cell: ({ createdAt }) => <DateTime iso={createdAt} /> },
  { header: 'Who', isTitle: true, cell: (entry) => <Who name={causeOf(entry)} /> },
  { header: 'Reason', cell: (entry) => <Reason entry={entry} /> },
  { header: 'Tokens', isNumber: true, cell: ({ amount }) => formatSigned(amount) },
  { header: 'Balance after', isNumber: true, cell: ({ balanceAfter }) => formatCount(balanceAfter) },
]

/** The ledger of a group, newest entry first: who spent what, not for which message. */
export function EntryTable({ groupId }: { groupId: string }) {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) =>
      (await query(client, GroupLedgerDocument, { id: groupId, first: 50, after })).group?.ledgerHistory ?? EMPTY_PAGE,
    [client, groupId],
  )
  return (
    <RowsTable
      pages={usePages(load)}
      columns={COLUMNS}
      noun="entry"
      plural="entries"
      empty="No entries yet"
      minWidth={640}
    />
  )
}

function Who({ name }: { name: string }) {
  return (
    <span className={classes.name} title={name}>
      {name}
    </span>
  )
}

function Reason({ entry: { reason, note, apiKeyId } }: { entry: GroupEntry }) {
  return (
    <>
      {reasonLabel(reason)}
      {apiKeyId && ' by API key'}
      {note && (
        <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {note}
        </Text>
      )}
    </>
  )
}

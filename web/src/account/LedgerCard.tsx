import { Anchor, Select, Text } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useCallback, useMemo } from 'react'
import { Link } from 'react-router'
import { chatPath } from '../chat/chatPath'
import { openChat } from '../chat/thread/openChat'
import { formatCount, formatSigned } from '../format/numbers'
import { reasonLabel } from '../format/reasons'
import { ExportLedgerHistoryDocument, LedgerHistoryDocument, type LedgerHistoryQuery } from '../gql/account'
import { query } from '../graphql/client'
import { EMPTY_PAGE } from '../graphql/pagedList'
import { usePages } from '../graphql/usePages'
import { useViewer } from '../session/context'
import { DateTime } from '../ui/DateTime'
import { ExportButton } from '../ui/ExportButton'
import { RowsTable, type Column } from '../ui/RowsTable'
import { Section } from '../ui/Section'
import { useSearchParam } from '../ui/useSearchParam'
import { LEDGER_FILTERS, reasonsOf } from './ledgerFilter'

type Entry = NonNullable<LedgerHistoryQuery['ledgerHistory']>['nodes'][number]

const COLUMNS: Column<Entry>[] = [
  { header: 'When', cell: ({ createdAt }) => <DateTime iso={createdAt} /> },
  { header: 'Reason', isTitle: true, cell: (entry) => <Reason entry={entry} /> },
  { header: 'Tokens', isNumber: true, cell: ({ amount }) => formatSigned(amount) },
  { header: 'Balance after', isNumber: true, cell: ({ balanceAfter }) => formatCount(balanceAfter) },
]

/** The ledger of the viewer, newest entry first. */
export function LedgerCard() {
  const { client } = useViewer()
  const [filter, setFilter] = useSearchParam('reason')
  const reasons = useMemo(() => reasonsOf(filter), [filter])
  const load = useCallback(
    async (after: string | null) =>
      (await query(client, LedgerHistoryDocument, { first: 20, after, reasons })).ledgerHistory ?? EMPTY_PAGE,
    [client, reasons],
  )
  return (
    <Section
      title="Usage history"
      description="Credits and charges, newest first."
      action={
        <ExportButton
          document={ExportLedgerHistoryDocument}
          variables={{ reasons }}
          name="ledger"
          kind="csv"
          icon={<IconDownload size={16} />}
        >
          Download CSV
        </ExportButton>
      }
    >
      <Select
        label="Reason"
        placeholder="All"
        data={LEDGER_FILTERS}
        value={reasons && filter}
        onChange={setFilter}
        clearable
        clearButtonProps={{ 'aria-label': 'Show all reasons' }}
        maw={280}
      />
      <RowsTable
        pages={usePages(load)}
        columns={COLUMNS}
        noun="entry"
        plural="entries"
        empty={reasons ? 'No entries for this reason' : 'No entries yet'}
        minWidth={520}
      />
    </Section>
  )
}

function Reason({ entry: { reason, chat, note, apiKeyId } }: { entry: Entry }) {
  return (
    <>
      {reasonLabel(reason)} {chat && <ChatLink chat={chat} />} {apiKeyId && 'by API key'}
      {chat && (
        <Text size="xs" c="dimmed">
          {chat.model}
        </Text>
      )}
      {note && (
        <Text size="xs" c="dimmed">
          {note}
        </Text>
      )}
    </>
  )
}

function ChatLink({ chat }: { chat: NonNullable<Entry['chat']> }) {
  const { client } = useViewer()
  const path = chatPath(chat)
  if (path) {
    return (
      <Anchor component={Link} to={path} size="sm" underline="always">
        open
      </Anchor>
    )
  }
  return (
    <Anchor component="button" type="button" size="sm" underline="always" onClick={() => openChat(client, chat.id)}>
      open
    </Anchor>
  )
}

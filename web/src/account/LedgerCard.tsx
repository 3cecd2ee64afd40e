import { Anchor, Text } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useCallback } from 'react'
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

type Entry = NonNullable<LedgerHistoryQuery['ledgerHistory']>['nodes'][number]

const COLUMNS: Column<Entry>[] = [
  { header: 'When', cell: ({ createdAt }) => <DateTime iso={createdAt} /> },
  { header: 'Why', cell: (entry) => <Why entry={entry} /> },
  { header: 'Tokens', isNumber: true, cell: ({ amount }) => formatSigned(amount) },
  { header: 'Balance after', isNumber: true, cell: ({ balanceAfter }) => formatCount(balanceAfter) },
]

/** The ledger of the viewer, newest entry first. */
export function LedgerCard() {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) =>
      (await query(client, LedgerHistoryDocument, { first: 20, after })).ledgerHistory ?? EMPTY_PAGE,
    [client],
  )
  return (
    <Section
      title="Every token"
      description="What came in and what went out, the newest first."
      action={
        <ExportButton
          document={ExportLedgerHistoryDocument}
          variables={{}}
          name="ledger"
          kind="csv"
          icon={<IconDownload size={16} />}
        >
          All as CSV
        </ExportButton>
      }
    >
      <RowsTable pages={usePages(load)} columns={COLUMNS} noun="entry" plural="entries" minWidth={520} />
    </Section>
  )
}

function Why({ entry: { reason, chat, note, apiKeyId } }: { entry: Entry }) {
  return (
    <>
      {reasonLabel(reason)} {chat && <ChatLink chat={chat} />} {apiKeyId && 'by API'}
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
        the chat
      </Anchor>
    )
  }
  return (
    <Anchor component="button" type="button" size="sm" underline="always" onClick={() => openChat(client, chat.id)}>
      the chat
    </Anchor>
  )
}

import { Anchor } from '@mantine/core'
import { Link } from 'react-router'
import { formatCount } from '../../format/numbers'
import type { Column } from '../../ui/RowsTable'
import { UserName } from '../UserName'
import { rateLabel } from './figures'
import { ReportSection } from './ReportSection'
import type { OverviewData, Spender } from './useOverview'

type Model = NonNullable<OverviewData['models']>[number] & { id: string }
type KeyUsage = NonNullable<OverviewData['apiKeys']>[number] & { id: string }

type Props<T> = {
  rows: readonly T[]
  /** The name of the period, for people and for files. */
  period: string
  file: string
}

const MESSAGES = { header: 'Messages', isNumber: true, cell: (row: { messages: number }) => formatCount(row.messages) }
const TOKENS = { header: 'Tokens', isNumber: true, cell: (row: { tokens: number }) => formatCount(row.tokens) }

const MODEL_COLUMNS: Column<Model>[] = [
  { header: 'Model', cell: ({ model }) => model },
  TOKENS,
  MESSAGES,
  { header: 'Error rate', isNumber: true, cell: rateLabel },
]

/** What each model cost. */
export function ModelUsage({ rows, period, file }: Props<Omit<Model, 'id'>>) {
  return (
    <ReportSection
      title="By model"
      description={period}
      rows={rows.map((row) => ({ ...row, id: row.model }))}
      columns={MODEL_COLUMNS}
      empty="No messages"
      csv={{
        name: `models-${file}`,
        header: ['model', 'tokens', 'messages', 'failures'],
        cells: ({ model, tokens, messages, failures }) => [model, tokens, messages, failures],
      }}
    />
  )
}

const KEY_COLUMNS: Column<KeyUsage>[] = [
  { header: 'API key', cell: ({ apiKey }) => <KeyName apiKey={apiKey} /> },
  {
    header: 'User',
    cell: ({ apiKey }) => <UserName user={apiKey?.user ?? null} name={apiKey?.user?.username ?? 'deleted'} />,
  },
  TOKENS,
  MESSAGES,
]

/** What each API key cost. */
export function ApiKeyUsage({ rows, period, file }: Props<Omit<KeyUsage, 'id'>>) {
  return (
    <ReportSection
      title="By API key"
      description={`${period}, top 20`}
      rows={rows.map((row) => ({ ...row, id: row.apiKeyId }))}
      columns={KEY_COLUMNS}
      empty="No API key was used"
      csv={{
        name: `api-keys-${file}`,
        header: ['api_key_id', 'name', 'prefix', 'user', 'tokens', 'messages'],
        cells: ({ apiKeyId, apiKey, tokens, messages }) => [
          apiKeyId,
          apiKey?.name ?? null,
          apiKey?.prefix ?? null,
          apiKey?.user?.username ?? null,
          tokens,
          messages,
        ],
      }}
    />
  )
}

function KeyName({ apiKey }: Pick<KeyUsage, 'apiKey'>) {
  if (!apiKey) return 'deleted'
  return (
    <Anchor component={Link} to={`/admin/keys?search=${encodeURIComponent(apiKey.prefix)}`} size="sm">
      {apiKey.name}
    </Anchor>
  )
}

const SPENDER_COLUMNS: Column<Spender & { id: string }>[] = [
  { header: 'User', cell: ({ user }) => <UserName user={user} name={user?.username ?? 'deleted'} /> },
  TOKENS,
  MESSAGES,
]

/** The users who spent most. */
export function TopSpenders({ rows, period, file }: Props<Spender>) {
  return (
    <ReportSection
      title={`Top spenders, ${period.charAt(0).toLowerCase()}${period.slice(1)}`}
      description="The 10 users who spent most"
      rows={rows.map((row, place) => ({ ...row, id: row.user?.id ?? `deleted-${place}` }))}
      columns={SPENDER_COLUMNS}
      empty="Nobody"
      csv={{
        name: `top-spenders-${file}`,
        header: ['user_id', 'user', 'tokens', 'messages'],
        cells: ({ user, tokens, messages }) => [user?.id ?? null, user?.username ?? null, tokens, messages],
      }}
    />
  )
}

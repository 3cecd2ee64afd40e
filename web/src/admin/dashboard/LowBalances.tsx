import { Anchor, Button, Group } from '@mantine/core'
import { useState } from 'react'
import { Link } from 'react-router'
import { useQuery } from 'urql'
import { formatCount } from '../../format/numbers'
import { LowBalancesDocument } from '../../gql/admin'
import { problemOfCombinedError } from '../../graphql/problem'
import { notifyProblem } from '../../ui/confirm'
import { DataTable } from '../../ui/DataTable'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { RelativeTime } from '../../ui/RelativeTime'
import type { Column } from '../../ui/RowsTable'
import { Section } from '../../ui/Section'
import { BulkAdjustDialog } from '../BulkAdjustDialog'
import { selectRows, type BulkTarget } from '../bulkTarget'
import type { User } from '../lists'
import { UserName } from '../UserName'
import { lowBalanceBound } from './lowBalance'
import { timesOf } from './period'

/** A balance that pays for fewer messages is low. */
const MESSAGES = 10

/** The most users that are loaded, and those that are shown at first. */
const FIRST = 50
const SHOWN = 10

const COLUMNS: Column<User>[] = [
  { header: 'User', cell: (user) => <UserName user={user} name={user.username} /> },
  { header: 'Balance', isNumber: true, cell: ({ balance }) => formatCount(balance.tokens) },
  { header: 'Spent, 30 days', isNumber: true, cell: ({ spent }) => formatCount(spent ?? 0) },
  {
    header: 'Last active',
    cell: ({ lastActiveAt }) => (lastActiveAt === null ? 'never' : <RelativeTime iso={lastActiveAt} />),
  },
]

/** Users who are about to run dry, and a top-up for all of them. */
export function LowBalances({ today }: { today: string }) {
  const [{ data, error }, load] = useQuery({
    query: LowBalancesDocument,
    variables: { ...timesOf({ first: today, last: today }), first: FIRST, messages: MESSAGES },
    requestPolicy: 'cache-and-network',
  })
  const [isWhole, setWhole] = useState(false)
  const [target, setTarget] = useState<BulkTarget | null>(null)
  const reload = () => load({ requestPolicy: 'network-only' })
  const users = data?.overview?.lowBalances ?? []
  const selection = selectRows(users)
  const price = data?.defaultModel?.price
  const bound = price ? lowBalanceBound(price, MESSAGES) : 0
  const openDialog = () => void selection.target().then(setTarget).catch(notifyProblem)
  return (
    <Section
      title="About to run dry"
      description={`Active in the last 30 days, and the balance pays for fewer than ${MESSAGES} messages to the default model.`}
    >
      {error && <ProblemAlert problem={problemOfCombinedError(error)} onRetry={reload} />}
      {data && <DataTable rows={isWhole ? users : users.slice(0, SHOWN)} columns={COLUMNS} empty="Nobody" />}
      <Group gap="md">
        {users.length > SHOWN && (
          <Button variant="default" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
            {isWhole ? `Show the first ${SHOWN}` : `Show all ${users.length}`}
          </Button>
        )}
        {selection.operators !== users.length && (
          <Button onClick={openDialog}>Top up {users.length === 1 ? 'this user' : `these ${users.length}`}…</Button>
        )}
        {bound > 0 && (
          <Anchor
            component={Link}
            size="sm"
            to={`/admin/users?active=yes&role=user&max=${bound}&order=FEWEST_TOKENS&select=all`}
          >
            All users with at most {formatCount(bound)} tokens
          </Anchor>
        )}
      </Group>
      <BulkAdjustDialog target={target} onClose={() => setTarget(null)} onConflict={reload} onDone={reload} />
    </Section>
  )
}

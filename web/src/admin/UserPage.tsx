import { Anchor, SimpleGrid, Tabs } from '@mantine/core'
import { IconUserOff } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useParams } from 'react-router'
import { useQuery } from 'urql'
import { AdminUserDocument } from '../gql/admin'
import type { Currency } from '../format/prices'
import { problemOfCombinedError } from '../graphql/problem'
import { EmptyState } from '../ui/EmptyState'
import { PageLoader } from '../ui/PageLoader'
import { ProblemAlert } from '../ui/ProblemAlert'
import { Section } from '../ui/Section'
import { useSearchParam } from '../ui/useSearchParam'
import { AdminTitle } from './AdminTitle'
import { AuditTable } from './AuditTable'
import { ChatTable } from './ChatTable'
import { ALL_CHATS, ALL_TIME, parseChoice } from './filters'
import { KeyTable } from './KeyTable'
import { LedgerTable } from './LedgerTable'
import { useAudit, useChats, useKeys, useLedger, type User } from './lists'
import { SessionTable } from './SessionTable'
import { UserActions } from './UserActions'
import { UserFacts } from './UserFacts'

const TABS = [
  { value: 'chats', label: 'Messages' },
  { value: 'ledger', label: 'Ledger' },
  { value: 'keys', label: 'API keys' },
  { value: 'sessions', label: 'Sessions' },
  { value: 'audit', label: 'Audit log' },
] as const
const TAB_NAMES = TABS.map(({ value }) => value)

export function UserPage() {
  const { userId = '' } = useParams()
  const [{ data, error }, refetch] = useQuery({
    query: AdminUserDocument,
    variables: { id: userId },
    requestPolicy: 'cache-and-network',
  })
  // Actions on the user are in the lists below, too.
  const [changes, setChanges] = useState(0)
  const reload = () => {
    setChanges((n) => n + 1)
    refetch({ requestPolicy: 'network-only' })
  }
  if (data?.user) {
    const { user, server } = data
    return <UserDetails key={user.id} user={user} currency={server.currency} changes={changes} onChanged={reload} />
  }
  if (!error && !data) return <PageLoader />
  const problem = error ? problemOfCombinedError(error) : null
  if (problem && problem.code !== 'NOT_FOUND') return <ProblemAlert problem={problem} onRetry={reload} />
  return (
    <EmptyState
      Icon={IconUserOff}
      title="User not found"
      action={
        <Anchor component={Link} to="/admin/users">
          All users
        </Anchor>
      }
    >
      The account may be deleted. Its ledger and audit events are kept.
    </EmptyState>
  )
}

type DetailsProps = { user: User; currency: Currency | null; changes: number; onChanged: () => void }

function UserDetails({ user, currency, changes, onChanged }: DetailsProps) {
  const [tab, setTab] = useSearchParam('tab')
  const selectTab = (selected: string | null) => setTab(selected === 'chats' ? null : selected)
  return (
    <>
      <AdminTitle title={user.username} />
      <SimpleGrid mb="lg" cols={{ base: 1, md: 2 }}>
        <Section title="Details">
          <UserFacts user={user} currency={currency} />
        </Section>
        <Section title="Actions">
          <UserActions user={user} onChanged={onChanged} />
        </Section>
      </SimpleGrid>
      <Tabs value={parseChoice(TAB_NAMES, tab) ?? 'chats'} onChange={selectTab} keepMounted={false}>
        <Tabs.List mb="md">
          {TABS.map(({ value, label }) => (
            // In one row on a phone.
            <Tabs.Tab key={value} value={value} px={{ base: 6, sm: 'md' }}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="chats">
          <ChatsOf userId={user.id} onDeleted={onChanged} />
        </Tabs.Panel>
        <Tabs.Panel value="ledger">
          {/* Remounted when the balance has changed. */}
          <LedgerOf key={user.balance.tokens} userId={user.id} />
        </Tabs.Panel>
        <Tabs.Panel value="keys">
          <KeysOf userId={user.id} onRevoked={onChanged} />
        </Tabs.Panel>
        <Tabs.Panel value="sessions">
          <SessionTable key={changes} userId={user.id} />
        </Tabs.Panel>
        <Tabs.Panel value="audit">
          <AuditOf key={changes} userId={user.id} />
        </Tabs.Panel>
      </Tabs>
    </>
  )
}

function ChatsOf({ userId, onDeleted }: { userId: string; onDeleted: () => void }) {
  return <ChatTable pages={useChats({ ...ALL_CHATS, userId })} withUser={false} onDeleted={onDeleted} />
}

function KeysOf({ userId, onRevoked }: { userId: string; onRevoked: () => void }) {
  return <KeyTable pages={useKeys({ userId, search: '', state: null })} withUser={false} onRevoked={onRevoked} />
}

function LedgerOf({ userId }: { userId: string }) {
  return <LedgerTable pages={useLedger({ userId, reasons: null, ...ALL_TIME })} withUser={false} />
}

function AuditOf({ userId }: { userId: string }) {
  return <AuditTable pages={useAudit({ targetId: userId, actorId: null, actions: null, ...ALL_TIME })} />
}

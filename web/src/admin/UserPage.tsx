import { Anchor, SimpleGrid, Tabs } from '@mantine/core'
import { IconUserOff } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useParams } from 'react-router'
import { useQuery } from 'urql'
import { formatTokens } from '../format/prices'
import { roleLabel } from '../format/roles'
import { AdminUserDocument } from '../gql/admin'
import { problemOfCombinedError } from '../graphql/problem'
import { DateTime } from '../ui/DateTime'
import { DescriptionList } from '../ui/DescriptionList'
import { EmptyState } from '../ui/EmptyState'
import { PageLoader } from '../ui/PageLoader'
import { ProblemAlert } from '../ui/ProblemAlert'
import { Section } from '../ui/Section'
import { AdminTitle } from './AdminTitle'
import { AuditTable } from './AuditTable'
import { ChatTable } from './ChatTable'
import { ALL_CHATS, ALL_TIME } from './filters'
import { KeyTable } from './KeyTable'
import { LedgerTable } from './LedgerTable'
import { useAudit, useChats, useKeys, useLedger, type User } from './lists'
import { UserActions } from './UserActions'
import { ActiveBadge } from './userColumns'

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
  if (data?.user) return <UserDetails key={data.user.id} user={data.user} changes={changes} onChanged={reload} />
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

function UserDetails({ user, changes, onChanged }: { user: User; changes: number; onChanged: () => void }) {
  return (
    <>
      <AdminTitle title={user.username} />
      <SimpleGrid mb="lg" cols={{ base: 1, md: 2 }}>
        <Section title="Details">
          <DescriptionList
            items={[
              ['Role', roleLabel(user)],
              ['Status', <ActiveBadge key="status" user={user} />],
              ['Balance', <strong key="balance">{formatTokens(user.balance.tokens)}</strong>],
              ['Reserved', formatTokens(user.balance.held)],
              ['Created', <DateTime key="created" iso={user.createdAt} />],
              ['Last login', <DateTime key="seen" iso={user.lastLoginAt} />],
            ]}
          />
        </Section>
        <Section title="Actions">
          <UserActions user={user} onChanged={onChanged} />
        </Section>
      </SimpleGrid>
      <Tabs defaultValue="chats" keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="chats">Messages</Tabs.Tab>
          <Tabs.Tab value="ledger">Ledger</Tabs.Tab>
          <Tabs.Tab value="keys">API keys</Tabs.Tab>
          <Tabs.Tab value="audit">Audit log</Tabs.Tab>
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
  return <KeyTable pages={useKeys({ userId, search: '' })} withUser={false} onRevoked={onRevoked} />
}

function LedgerOf({ userId }: { userId: string }) {
  return <LedgerTable pages={useLedger({ userId, ...ALL_TIME })} withUser={false} />
}

function AuditOf({ userId }: { userId: string }) {
  return <AuditTable pages={useAudit({ targetId: userId, actorId: null, ...ALL_TIME })} />
}

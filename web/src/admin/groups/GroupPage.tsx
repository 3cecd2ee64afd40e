import { Anchor, SimpleGrid, Tabs } from '@mantine/core'
import { IconUsersGroup } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useParams } from 'react-router'
import { useQuery } from 'urql'
import { AdminGroupDocument, type AdminGroupQuery } from '../../gql/admin'
import { formatAmount, formatTokens } from '../../format/prices'
import { problemOfCombinedError } from '../../graphql/problem'
import { EntryTable } from '../../groups/EntryTable'
import { membersLabel } from '../../groups/groups'
import { DateTime } from '../../ui/DateTime'
import { DescriptionList } from '../../ui/DescriptionList'
import { EmptyState } from '../../ui/EmptyState'
import { PageLoader } from '../../ui/PageLoader'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { Section } from '../../ui/Section'
import { useSearchParam } from '../../ui/useSearchParam'
import { AdminTitle } from '../AdminTitle'
import { AuditTable } from '../AuditTable'
import { ALL_TIME, parseChoice } from '../filters'
import { useAudit } from '../lists'
import { GroupActions } from './GroupActions'
import { GroupMembers } from './GroupMembers'

export type AdminGroup = NonNullable<AdminGroupQuery['group']>

const TABS = [
  { value: 'members', label: 'Members' },
  { value: 'ledger', label: 'Ledger' },
  { value: 'audit', label: 'Audit log' },
] as const

/** A group, for operators: its texts, balance, members, ledger and audit events. */
export default function GroupPage() {
  const { groupId = '' } = useParams()
  const [{ data, error }, load] = useQuery({
    query: AdminGroupDocument,
    variables: { id: groupId },
    requestPolicy: 'cache-and-network',
  })
  // Actions on the group are in the lists below, too.
  const [changes, setChanges] = useState(0)
  const reload = () => {
    setChanges((n) => n + 1)
    load({ requestPolicy: 'network-only' })
  }
  if (data?.group) {
    return <Details key={data.group.id} group={data.group} server={data.server} changes={changes} onChanged={reload} />
  }
  if (!error && !data) return <PageLoader />
  const problem = error ? problemOfCombinedError(error) : null
  if (problem && problem.code !== 'NOT_FOUND') return <ProblemAlert problem={problem} onRetry={reload} />
  return (
    <EmptyState
      Icon={IconUsersGroup}
      title="Group not found"
      action={
        <Anchor component={Link} to="/admin/groups">
          All groups
        </Anchor>
      }
    >
      It may be deleted. Its ledger and audit events are kept.
    </EmptyState>
  )
}

type Props = { group: AdminGroup; server: AdminGroupQuery['server']; changes: number; onChanged: () => void }

function Details({ group, server, changes, onChanged }: Props) {
  const [selected, setTab] = useSearchParam('tab')
  // The default group has no list of members.
  const tabs = group.isDefault ? TABS.slice(1) : TABS
  const names = tabs.map(({ value }) => value)
  const first = names[0] ?? 'ledger'
  const { balance } = group
  return (
    <>
      <AdminTitle title={group.name} />
      <SimpleGrid mb="lg" cols={{ base: 1, md: 2 }}>
        <Section title="Details">
          <DescriptionList
            items={[
              ['Description', group.description || 'none'],
              ['Members', membersLabel(group)],
              ['Balance', <strong key="balance">{formatAmount(balance?.tokens ?? 0, server.currency)}</strong>],
              ['Reserved', formatTokens(balance?.held ?? 0)],
              ['Created', <DateTime key="created" iso={group.createdAt} />],
            ]}
          />
        </Section>
        <Section title="Actions">
          <GroupActions group={group} onChanged={onChanged} />
        </Section>
      </SimpleGrid>
      <Tabs
        value={parseChoice(names, selected) ?? first}
        onChange={(tab) => setTab(tab === first ? null : tab)}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          {tabs.map(({ value, label }) => (
            <Tabs.Tab key={value} value={value}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="members">
          <GroupMembers group={group} onChanged={onChanged} />
        </Tabs.Panel>
        <Tabs.Panel value="ledger">
          {/* Remounted when the balance has changed. */}
          <EntryTable key={balance?.tokens} groupId={group.id} />
        </Tabs.Panel>
        <Tabs.Panel value="audit">
          <AuditOf key={changes} groupId={group.id} />
        </Tabs.Panel>
      </Tabs>
    </>
  )
}

function AuditOf({ groupId }: { groupId: string }) {
  return <AuditTable pages={useAudit({ targetId: groupId, actorId: null, actions: null, ...ALL_TIME })} />
}

import { Button, Container, Stack, Title } from '@mantine/core'
import { IconUsersGroup } from '@tabler/icons-react'
import { Link, useParams } from 'react-router'
import { useQuery } from 'urql'
import { accountPath } from '../account/tabs'
import { formatAmount, formatTokens } from '../format/prices'
import { GroupDocument, type GroupQuery } from '../gql/groups'
import { problemOfCombinedError } from '../graphql/problem'
import { Frame } from '../layout/Frame'
import { DescriptionList, type DescriptionItem } from '../ui/DescriptionList'
import { EmptyState } from '../ui/EmptyState'
import { PageLoader } from '../ui/PageLoader'
import { ProblemAlert } from '../ui/ProblemAlert'
import { Section } from '../ui/Section'
import { useTitle } from '../ui/useTitle'
import { EntryTable } from './EntryTable'
import { membersLabel } from './groups'
import { MemberTable, useMembers } from './MemberTable'

/** A group, for its members: its balance and, for managers, the members and the ledger. */
export default function GroupPage() {
  const { groupId = '' } = useParams()
  const [{ data, error }, load] = useQuery({
    query: GroupDocument,
    variables: { id: groupId },
    requestPolicy: 'cache-and-network',
  })
  const problem = error ? problemOfCombinedError(error) : null
  return (
    <Frame>
      <Container size="lg" py="lg">
        {data?.group ? (
          <Details group={data.group} currency={data.server.currency} />
        ) : problem && problem.code !== 'NOT_FOUND' ? (
          <ProblemAlert problem={problem} onRetry={() => load({ requestPolicy: 'network-only' })} />
        ) : problem || data ? (
          <Missing />
        ) : (
          <PageLoader />
        )}
      </Container>
    </Frame>
  )
}

type DetailsProps = { group: NonNullable<GroupQuery['group']>; currency: GroupQuery['server']['currency'] }

function Details({ group, currency }: DetailsProps) {
  useTitle(group.name)
  const { id, name, description, balance, isDefault } = group
  const isManager = group.ledgerHistory !== null
  const items: DescriptionItem[] = [
    ...(description === '' ? [] : [['Description', description] satisfies DescriptionItem]),
    ['Members', membersLabel(group)],
    ['Balance', <strong key="balance">{formatAmount(balance?.tokens ?? 0, currency)}</strong>],
    ['Reserved', balance && balance.held > 0 ? `${formatTokens(balance.held)} for answers in progress` : 'none'],
  ]
  return (
    <Stack gap="lg">
      <Title order={1} size="h2" style={{ overflowWrap: 'anywhere' }}>
        {name}
      </Title>
      <Section
        title="Group"
        action={
          <Button component={Link} to={accountPath('profile')} variant="default" size="xs">
            Choose who pays
          </Button>
        }
      >
        <DescriptionList items={items} />
      </Section>
      {isManager && !isDefault && (
        <Section title="Members" description="Operators add and remove them.">
          <Members groupId={id} />
        </Section>
      )}
      {isManager && (
        <Section title="Ledger" description="Credits, and what members have spent, newest first.">
          <EntryTable groupId={id} />
        </Section>
      )}
    </Stack>
  )
}

function Members({ groupId }: { groupId: string }) {
  return <MemberTable pages={useMembers(groupId)} />
}

function Missing() {
  return (
    <EmptyState
      Icon={IconUsersGroup}
      title="Group not found"
      action={
        <Button component={Link} to="/">
          Back to chat
        </Button>
      }
    >
      It was deleted, or you do not belong to it.
    </EmptyState>
  )
}

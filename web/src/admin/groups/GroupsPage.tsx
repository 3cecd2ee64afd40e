import { Badge, Button, Group, Modal, Text, TextInput } from '@mantine/core'
import { useDebouncedValue, useDisclosure } from '@mantine/hooks'
import { IconPlus, IconSearch } from '@tabler/icons-react'
import { useCallback } from 'react'
import { useNavigate } from 'react-router'
import { CreateGroupDocument, GroupsDocument, type GroupsQuery } from '../../gql/admin'
import { formatCount } from '../../format/numbers'
import { mutate, query } from '../../graphql/client'
import { EMPTY_PAGE } from '../../graphql/pagedList'
import { usePages } from '../../graphql/usePages'
import { membersLabel } from '../../groups/groups'
import { useViewer } from '../../session/context'
import { RowsTable, type Column } from '../../ui/RowsTable'
import { showToast } from '../../ui/toast'
import { useSearchParam } from '../../ui/useSearchParam'
import { AdminTitle } from '../AdminTitle'
import { GroupForm, type GroupTexts } from './GroupForm'
import { adminGroupPath, GroupName } from './GroupName'

type Row = NonNullable<GroupsQuery['groups']>['nodes'][number]

const COLUMNS: Column<Row>[] = [
  { header: 'Name', cell: (group) => <Name group={group} /> },
  { header: 'Description', cell: ({ description }) => <Description text={description} /> },
  { header: 'Members', cell: membersLabel },
  { header: 'Balance', isNumber: true, cell: ({ balance }) => <Balance balance={balance} /> },
]

/** All groups, for operators. */
export default function GroupsPage() {
  const { client } = useViewer()
  const navigate = useNavigate()
  const [typed, setSearch] = useSearchParam('search')
  const [search] = useDebouncedValue(typed?.trim() ?? '', 250)
  const [isCreating, creation] = useDisclosure(false)
  const load = useCallback(
    async (after: string | null) => {
      const variables = { first: 50, after, search: search === '' ? null : search }
      return (await query(client, GroupsDocument, variables)).groups ?? EMPTY_PAGE
    },
    [client, search],
  )
  const pages = usePages<Row>(load)

  const create = async (input: GroupTexts) => {
    const { group } = await mutate(client, CreateGroupDocument, { input })
    showToast({ message: `Group ${input.name} created.` })
    creation.close()
    if (group) void navigate(adminGroupPath(group.id))
  }

  return (
    <>
      <AdminTitle title="Groups">
        <Button leftSection={<IconPlus size={16} />} onClick={creation.open}>
          New group
        </Button>
      </AdminTitle>
      <TextInput
        label="Name"
        placeholder="Search groups"
        leftSection={<IconSearch size={16} aria-hidden />}
        value={typed ?? ''}
        onChange={(event) => setSearch(event.currentTarget.value)}
        maw={320}
        mb="md"
      />
      <RowsTable pages={pages} columns={COLUMNS} noun="group" empty="No groups" nameOf={({ name }) => name} />
      <Modal
        opened={isCreating}
        onClose={creation.close}
        title="New group"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <GroupForm submitLabel="Create group" onSubmit={create} />
      </Modal>
    </>
  )
}

function Name({ group }: { group: Row }) {
  return (
    <Group gap="xs" wrap="nowrap">
      <GroupName group={group} />
      {group.isDefault && (
        <Badge size="sm" color="gray" variant="light" tt="none" flex="none">
          Default
        </Badge>
      )}
    </Group>
  )
}

function Description({ text }: { text: string }) {
  return (
    <Text span size="sm" lineClamp={2} maw={360} title={text} style={{ overflowWrap: 'anywhere' }}>
      {text}
    </Text>
  )
}

function Balance({ balance }: Pick<Row, 'balance'>) {
  if (!balance) return null
  return (
    <>
      {formatCount(balance.tokens)}
      {balance.held > 0 && (
        <Text size="xs" c="dimmed">
          {formatCount(balance.held)} reserved
        </Text>
      )}
    </>
  )
}

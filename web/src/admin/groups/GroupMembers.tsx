import { Button, Select, Stack } from '@mantine/core'
import { RemoveGroupMemberDocument, UpdateGroupMemberDocument, type GroupRole } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { ROLE_CHOICES } from '../../groups/groups'
import { MemberTable, useMembers, type Member } from '../../groups/MemberTable'
import { useViewer } from '../../session/context'
import { confirmDanger, notifyProblem } from '../../ui/confirm'
import { showToast } from '../../ui/toast'
import { UserName } from '../UserName'
import { AddMembers } from './AddMembers'
import type { AdminGroup } from './GroupPage'

type Props = { group: AdminGroup; onChanged: () => void }

/** The members of a group, whom an operator adds, removes, and gives roles. */
export function GroupMembers({ group: { id: groupId, name }, onChanged }: Props) {
  const { client } = useViewer()
  const pages = useMembers(groupId)

  const setRole = async (member: Member, role: GroupRole) => {
    await mutate(client, UpdateGroupMemberDocument, { input: { groupId, userId: member.id, role } })
    pages.change((rows) => rows.map((row) => (row.id === member.id ? { ...row, role } : row)))
    onChanged()
  }
  const remove = (member: Member) =>
    confirmDanger({
      title: `Remove ${member.username} from ${name}?`,
      text: 'The own balance pays for the next message. Answers in progress continue, and are paid as they began.',
      confirm: 'Remove',
      run: async () => {
        await mutate(client, RemoveGroupMemberDocument, { input: { groupId, userId: member.id } })
        pages.remove(new Set([member.id]))
        showToast({ message: `${member.username} removed.` })
        onChanged()
      },
    })

  return (
    <Stack>
      <AddMembers
        groupId={groupId}
        onAdded={() => {
          pages.reload()
          onChanged()
        }}
      />
      <MemberTable
        pages={pages}
        name={(member) => <UserName user={member} name={member.username} />}
        role={(member) => (
          <Select
            aria-label={`Role of ${member.username}`}
            data={ROLE_CHOICES}
            value={member.role}
            onChange={(role) => {
              if (role && role !== member.role) setRole(member, role).catch(notifyProblem)
            }}
            allowDeselect={false}
            size="xs"
            w={130}
          />
        )}
        actions={(member) => (
          <Button
            size="compact-xs"
            variant="default"
            aria-label={`Remove ${member.username}`}
            onClick={() => remove(member)}
          >
            Remove…
          </Button>
        )}
      />
    </Stack>
  )
}

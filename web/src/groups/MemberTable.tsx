import { useCallback, type ReactNode } from 'react'
import { GroupMembersDocument, type GroupRole } from '../gql/groups'
import { query } from '../graphql/client'
import { EMPTY_PAGE } from '../graphql/pagedList'
import { usePages, type Pages } from '../graphql/usePages'
import { useViewer } from '../session/context'
import { Day } from '../ui/Day'
import { RowsTable, type Column } from '../ui/RowsTable'
import { groupRoleLabel } from './groups'

/** A member of a group, by the id of the user. */
export type Member = { id: string; username: string; role: GroupRole; createdAt: string }

/** Loads the members of a group, newest first. */
export function useMembers(groupId: string): Pages<Member> {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) => {
      const { group } = await query(client, GroupMembersDocument, { id: groupId, first: 50, after })
      const { nodes, ...page } = group?.members ?? EMPTY_PAGE
      // An account that was just deleted is no member any more.
      return {
        ...page,
        nodes: nodes.flatMap(({ user, role, createdAt }) => (user ? [{ ...user, role, createdAt }] : [])),
      }
    },
    [client, groupId],
  )
  return usePages(load)
}

type Props = {
  pages: Pages<Member>
  /** How a name, a role and the actions of a member are shown, if otherwise. */
  name?: (member: Member) => ReactNode
  role?: (member: Member) => ReactNode
  actions?: (member: Member) => ReactNode
}

/** The members of a group. */
export function MemberTable({ pages, name, role, actions }: Props) {
  const columns: Column<Member>[] = [
    { header: 'User', cell: (member) => (name ? name(member) : member.username) },
    { header: 'Role', cell: (member) => (role ? role(member) : groupRoleLabel(member.role)) },
    { header: 'Member since', cell: ({ createdAt }) => <Day iso={createdAt} /> },
  ]
  if (actions) columns.push({ header: 'Actions', cell: actions })
  return (
    <RowsTable
      pages={pages}
      columns={columns}
      noun="member"
      empty="No members"
      minWidth={520}
      nameOf={({ username }) => username}
    />
  )
}

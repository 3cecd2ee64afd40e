import { Button, Group, MultiSelect, Select } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'
import { pluralize } from '../../format/numbers'
import { AddGroupMembersDocument, type GroupRole } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { ROLE_CHOICES } from '../../groups/groups'
import { useViewer } from '../../session/context'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { showToast } from '../../ui/toast'
import { useMutationForm } from '../../ui/useMutationForm'
import { ALL_USERS } from '../filters'
import { useUsers } from '../lists'

type Props = { groupId: string; onAdded: () => void }

/** The form that adds users, searched by part of the name, to a group. */
export function AddMembers({ groupId, onAdded }: Props) {
  const { client } = useViewer()
  const [search, setSearch] = useState('')
  const [debouncedSearch] = useDebouncedValue(search, 250)
  const { rows } = useUsers({ ...ALL_USERS, search: debouncedSearch.trim(), orderBy: 'NAME' })
  // Who was chosen in the results of an earlier search keeps the name.
  const [names, setNames] = useState<ReadonlyMap<string, string>>(new Map())
  const { form, submit, problem, isBusy } = useMutationForm<{ userIds: string[]; role: GroupRole }>(
    {
      initialValues: { userIds: [], role: 'MEMBER' },
      validate: { userIds: (ids) => (ids.length > 0 ? null : 'Choose at least one user') },
    },
    async ({ userIds, role }) => {
      const { added } = await mutate(client, AddGroupMembersDocument, { input: { groupId, userIds, role } })
      const before = userIds.length - (added ?? 0)
      showToast({
        message: `${pluralize(added ?? 0, 'member')} added.${before > 0 ? ` ${before} had been one before.` : ''}`,
      })
      onAdded()
    },
  )
  const found = rows.map(({ id, username }) => ({ value: id, label: username }))
  const chosen = form.values.userIds
    .filter((id) => !rows.some((row) => row.id === id))
    .map((id) => ({ value: id, label: names.get(id) ?? id }))
  return (
    <form onSubmit={submit} noValidate aria-label="Add members">
      {problem && <ProblemAlert problem={problem} />}
      <Group gap="sm" align="start">
        <MultiSelect
          label="Add users"
          placeholder={chosen.length === 0 && form.values.userIds.length === 0 ? 'Search usernames' : ''}
          data={[...chosen, ...found]}
          searchable
          searchValue={search}
          onSearchChange={setSearch}
          // The server filters.
          filter={({ options }) => options}
          nothingFoundMessage="No users"
          hidePickedOptions
          maxValues={100}
          flex={1}
          miw={220}
          {...form.getInputProps('userIds')}
          onChange={(ids) => {
            setNames(new Map([...names, ...rows.map(({ id, username }) => [id, username] as const)]))
            form.setFieldValue('userIds', ids)
            setSearch('')
          }}
        />
        <Select label="Role" data={ROLE_CHOICES} allowDeselect={false} w={130} {...form.getInputProps('role')} />
        <Button type="submit" loading={isBusy} mt={24}>
          Add
        </Button>
      </Group>
    </form>
  )
}

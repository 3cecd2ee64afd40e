import { Box, Button, Group, List, Stack, Text, TextInput } from '@mantine/core'
import { Link, useNavigate, useParams } from 'react-router'
import { useQuery } from 'urql'
import { pluralize } from '../format/numbers'
import { formatTokens } from '../format/prices'
import { AdminUserDocument, DeleteUserDocument, UserChatCountDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { problemOfCombinedError } from '../graphql/problem'
import { useViewer } from '../session/context'
import { PageLoader } from '../ui/PageLoader'
import { ProblemAlert } from '../ui/ProblemAlert'
import { Section } from '../ui/Section'
import { showToast } from '../ui/toast'
import { useMutationForm } from '../ui/useMutationForm'
import { AdminTitle } from './AdminTitle'
import type { User } from './lists'
import { userPath } from './UserName'

export function DeleteUserPage() {
  const { userId = '' } = useParams()
  const [{ data, error }] = useQuery({
    query: AdminUserDocument,
    variables: { id: userId },
    requestPolicy: 'network-only',
  })
  if (error) return <ProblemAlert problem={problemOfCombinedError(error)} />
  if (!data?.user) return <PageLoader />
  return <DeleteUserForm user={data.user} />
}

/** The form that deletes a user, with a summary of what is deleted. */
function DeleteUserForm({ user }: { user: User }) {
  const { client } = useViewer()
  const navigate = useNavigate()
  const [{ data }] = useQuery({
    query: UserChatCountDocument,
    variables: { userId: user.id },
    requestPolicy: 'network-only',
  })
  const chats = data?.chats?.totalCount
  const { form, submit, problem, isBusy } = useMutationForm(
    {
      initialValues: { name: '' },
      validate: { name: (value) => (value === user.username ? null : `Type ${user.username}`) },
    },
    async () => {
      await mutate(client, DeleteUserDocument, { input: { userId: user.id } })
      showToast({ message: `Deleted ${user.username}` })
      void navigate('/admin/users')
    },
  )
  return (
    <Box maw={560}>
      <AdminTitle title={`Delete ${user.username}?`} />
      <Section title="This permanently deletes:">
        <List size="sm">
          <List.Item>
            {chats == null ? 'all messages' : pluralize(chats, 'message')} and answers, with their conversations
          </List.Item>
          <List.Item>{formatTokens(user.balance.tokens)} of balance, written off in the ledger</List.Item>
          <List.Item>all sessions and API keys; answers in progress are stopped</List.Item>
        </List>
        <Text size="sm" c="dimmed">
          The ledger and the audit log keep their entries. This can’t be undone; deactivating can.
        </Text>
        <form onSubmit={submit} noValidate>
          <Stack gap="sm">
            {problem && <ProblemAlert problem={problem} />}
            <TextInput label={`Type ${user.username} to confirm`} autoComplete="off" {...form.getInputProps('name')} />
            <Group justify="flex-end">
              <Button component={Link} to={userPath(user.id)} variant="default">
                Cancel
              </Button>
              <Button type="submit" color="red" loading={isBusy}>
                Delete user
              </Button>
            </Group>
          </Stack>
        </form>
      </Section>
    </Box>
  )
}

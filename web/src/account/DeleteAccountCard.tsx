import { Button, Group, List, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery } from 'urql'
import { pluralize } from '../format/numbers'
import { formatTokens } from '../format/prices'
import { DeleteAccountDocument, OwnTotalsDocument } from '../gql/account'
import { mutate } from '../graphql/client'
import { useBalance, useSession, useViewer } from '../session/context'
import { PasswordField } from '../ui/PasswordField'
import { ProblemAlert } from '../ui/ProblemAlert'
import { Section } from '../ui/Section'
import { useMutationForm } from '../ui/useMutationForm'

export function DeleteAccountCard() {
  const [isOpen, { open, close }] = useDisclosure(false)
  return (
    <Section title="Delete account" description="Deletes your account and everything in it. This can’t be undone.">
      <Group>
        <Button color="red" variant="outline" onClick={open}>
          Delete account…
        </Button>
      </Group>
      <Modal opened={isOpen} onClose={close} title="Delete your account?" closeButtonProps={{ 'aria-label': 'Close' }}>
        <DeleteForm onCancel={close} />
      </Modal>
    </Section>
  )
}

function DeleteForm({ onCancel }: { onCancel: () => void }) {
  const session = useSession()
  const { client, user } = useViewer()
  const balance = useBalance()
  const [{ data }] = useQuery({ query: OwnTotalsDocument, requestPolicy: 'network-only' })
  const chats = data?.chatHistory?.totalCount
  const conversations = data?.conversations?.totalCount
  const { form, submit, problem, isBusy } = useMutationForm(
    {
      initialValues: { password: '', name: '' },
      validate: {
        password: (value) => (value ? null : 'Enter your password'),
        name: (value) => (value === user.username ? null : `Type ${user.username}`),
      },
    },
    async ({ password }) => {
      await mutate(client, DeleteAccountDocument, { input: { password } })
      session.end('deleted')
    },
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        <Text size="sm">This permanently deletes:</Text>
        <List size="sm">
          <List.Item>{chats == null ? 'all your messages' : pluralize(chats, 'message')}</List.Item>
          <List.Item>
            {conversations == null ? 'all your conversations' : pluralize(conversations, 'conversation')}
          </List.Item>
          <List.Item>your API keys</List.Item>
          <List.Item>{formatTokens(balance.tokens)} of balance</List.Item>
        </List>
        {problem && <ProblemAlert problem={problem} />}
        <PasswordField
          label="Your password"
          autoComplete="current-password"
          data-autofocus
          {...form.getInputProps('password')}
        />
        <TextInput label={`Type ${user.username} to confirm`} autoComplete="off" {...form.getInputProps('name')} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          <Button type="submit" color="red" loading={isBusy}>
            Delete account
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

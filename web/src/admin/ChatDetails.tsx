import { Anchor, Button, Divider, Group, Stack } from '@mantine/core'
import { Fragment } from 'react'
import { Link } from 'react-router'
import { useQuery } from 'urql'
import { ChatText } from '../chat/thread/ChatText'
import { Thoughts } from '../chat/thoughts/Thoughts'
import { formatCount } from '../format/numbers'
import { formatInput, formatOutput } from '../format/usage'
import { ChatAnswerDocument, type ChatAnswerQuery } from '../gql/admin'
import { DeleteChatDocument } from '../gql/chat'
import { mutate } from '../graphql/client'
import { problemOfCombinedError } from '../graphql/problem'
import { CostButton } from '../receipt/CostButton'
import { useViewer } from '../session/context'
import { confirmDanger } from '../ui/confirm'
import { DateTime } from '../ui/DateTime'
import { DescriptionList, type DescriptionItem } from '../ui/DescriptionList'
import { PageLoader } from '../ui/PageLoader'
import { ProblemAlert } from '../ui/ProblemAlert'
import { ApiKeyLink } from './ApiKeyLink'
import { auditPath } from './paths'
import { GroupName } from './groups/GroupName'
import { deletionSummary } from './chatLabels'
import { ChatStatusBadge } from './ChatStatusBadge'
import type { ChatRow } from './lists'
import { UserName } from './UserName'

type Props = { chat: ChatRow; onDeleted: () => void }

/** A message that is known by its id only, as from the ledger or the audit log. */
export function LoadedChatDetails({ id, onDeleted }: { id: string; onDeleted: () => void }) {
  const [{ data, error, fetching }, load] = useQuery({
    query: ChatAnswerDocument,
    variables: { id },
    requestPolicy: 'network-only',
  })
  if (error) return <ProblemAlert problem={problemOfCombinedError(error)} onRetry={() => load()} />
  if (fetching || !data) return <PageLoader />
  const chat = chatOf(data)
  return chat ? <ChatDetails chat={chat} onDeleted={onDeleted} /> : <em>{DELETED}</em>
}

export function ChatDetails({ chat, onDeleted }: Props) {
  const { client } = useViewer()
  const { usage } = chat

  const remove = () =>
    confirmDanger({
      title: `Delete this message of ${chat.user?.username ?? 'a deleted user'}?`,
      text: deletionSummary([chat]),
      confirm: 'Delete',
      run: async () => {
        await mutate(client, DeleteChatDocument, { input: { chatId: chat.id } })
        onDeleted()
      },
    })

  return (
    <Stack>
      <DescriptionList
        items={[
          ['User', <UserName key="user" user={chat.user} name={chat.user?.username ?? 'deleted'} />],
          ['Model', chat.model],
          ['Status', <ChatStatusBadge key="status" status={chat.status} />],
          ['Received', <DateTime key="received" iso={chat.createdAt} />],
          ['Finished', chat.finishedAt ? <DateTime key="finished" iso={chat.finishedAt} /> : 'not yet'],
          [
            'Cost',
            <Fragment key="cost">
              <CostButton chat={chat} /> ({formatCount(chat.hold)} reserved)
            </Fragment>,
          ],
          ...(chat.payer ? [['Paid by', <GroupName key="payer" group={chat.payer} />] as DescriptionItem] : []),
          ...(chat.apiKeyId ? [['Sent', <ApiKeyLink key="sent" apiKeyId={chat.apiKeyId} />] as DescriptionItem] : []),
          ['Input', usage ? formatInput(usage) : 'none'],
          ['Output', usage ? formatOutput(usage) : 'none'],
          ...(chat.error ? [['Error', `${chat.error.message} (${chat.error.code})`] as DescriptionItem] : []),
          ...(chat.replacedById ? [['Replaced', 'by a later version'] as DescriptionItem] : []),
        ]}
      />
      <Divider />
      <ChatContent chat={chat} />
      <Divider />
      <Group justify="space-between">
        <Anchor component={Link} to={auditPath(chat.id)} size="sm">
          Audit events
        </Anchor>
        <Button variant="outline" color="red" onClick={remove}>
          Delete…
        </Button>
      </Group>
    </Stack>
  )
}

/** The message and the answer, which is loaded for this chat only: a list of whole answers would be large. */
function ChatContent({ chat }: { chat: ChatRow }) {
  const [{ data, error, fetching }, load] = useQuery({
    query: ChatAnswerDocument,
    variables: { id: chat.id },
    requestPolicy: 'cache-and-network',
  })
  if (error) return <ProblemAlert problem={problemOfCombinedError(error)} onRetry={() => load()} />
  if (!data) return <PageLoader />
  const whole = chatOf(data)
  if (!whole) return fetching ? <PageLoader /> : <em>{DELETED}</em>
  return <ChatText message={whole.message} response={whole.response} thoughts={<Thoughts chat={whole} live={null} />} />
}

const DELETED = 'This message has been deleted.'

function chatOf({ node }: ChatAnswerQuery) {
  return node && 'message' in node ? node : null
}

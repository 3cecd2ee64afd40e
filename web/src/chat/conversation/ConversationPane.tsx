import { Button } from '@mantine/core'
import { IconMessageOff } from '@tabler/icons-react'
import { useCallback, useState } from 'react'
import { Link } from 'react-router'
import { useQuery } from 'urql'
import { ConversationDocument, StartMessageDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { asProblem } from '../../graphql/problem'
import { withNetworkRetry } from '../../graphql/retry'
import { useViewer } from '../../session/context'
import { EmptyState } from '../../ui/EmptyState'
import { PageLoader } from '../../ui/PageLoader'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { useTitle } from '../../ui/useTitle'
import type { Chat } from '../chat'
import classes from '../chat.module.css'
import { Composer, type OutgoingMessage } from '../composer/Composer'
import type { ThreadEvent } from '../thread/threadStore'
import { ThreadView } from '../thread/ThreadView'
import { useThread } from '../thread/useThread'
import { Announcer } from './Announcer'
import { ConversationSettings } from './ConversationSettings'

const ANNOUNCEMENTS: Record<ThreadEvent, string> = {
  started: 'The answer begins.',
  finished: 'The answer is complete.',
  failed: 'The answer failed.',
}

/** A conversation: its thread, and the composer. */
export function ConversationPane({ id, onActivity }: { id: string; onActivity: () => void }) {
  const { client } = useViewer()
  const [announcement, setAnnouncement] = useState('')
  const [{ data }] = useQuery({ query: ConversationDocument, variables: { id } })
  const conversation = data?.conversation ?? null
  useTitle(conversation?.title ?? '')

  const announce = useCallback((event: ThreadEvent) => setAnnouncement(ANNOUNCEMENTS[event]), [])
  const { store, state } = useThread(id, announce)
  const pending = state.chats.filter((chat) => chat.status === 'PENDING')
  const newest = state.chats.findLast((chat) => chat.replacedById === null)

  const onStarted = (chat: Chat | null) => {
    if (chat) store.upsert(chat)
    onActivity()
  }
  const send = async ({ message, model, idempotencyKey }: OutgoingMessage) => {
    const input = { message, model, idempotencyKey, conversationId: id }
    onStarted((await withNetworkRetry(() => mutate(client, StartMessageDocument, { input }))).chat)
  }

  if (state.phase === 'loading' && state.chats.length === 0) return <PageLoader />
  if (state.phase === 'missing') return <Missing />
  if (state.phase === 'failed') {
    const problem = state.problem ?? asProblem(null)
    return <ProblemAlert problem={problem} onRetry={() => void store.open()} />
  }
  return (
    <section className={classes.pane} aria-label={conversation?.title ?? 'Conversation'}>
      {conversation && <ConversationSettings conversation={conversation} />}
      <ThreadView
        store={store}
        state={state}
        onReplaced={(replacedId, chat) => {
          store.replace(replacedId, chat)
          onActivity()
        }}
      />
      <Composer
        draftOf={id}
        pending={pending}
        preferredModel={newest?.model ?? conversation?.model ?? null}
        onSend={send}
        onStopped={(chat) => store.upsert(chat)}
      />
      <Announcer text={announcement} />
    </section>
  )
}

function Missing() {
  return (
    <EmptyState
      Icon={IconMessageOff}
      title="This conversation is not here"
      action={
        <Button component={Link} to="/">
          Begin a new one
        </Button>
      }
    >
      It may be deleted, or belong to another account.
    </EmptyState>
  )
}

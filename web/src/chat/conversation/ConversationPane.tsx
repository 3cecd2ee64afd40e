import { Button } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
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
import type { Chat, Conversation } from '../chat'
import { useConversationChanges } from '../changes/useChanges'
import classes from '../chat.module.css'
import { Composer } from '../composer/Composer'
import { focusComposer, isTouch } from '../composer/keys'
import type { OutgoingMessage } from '../composer/outbox'
import { useShortcuts } from '../shortcuts/useShortcuts'
import { applyChange } from '../thread/applyChange'
import type { ThreadEvent } from '../thread/threadStore'
import { ThreadView } from '../thread/ThreadView'
import { useThread } from '../thread/useThread'
import { Announcer } from './Announcer'
import { ConversationHeader } from './ConversationHeader'

const ANNOUNCEMENTS: Record<ThreadEvent, string> = {
  started: 'The answer begins.',
  finished: 'The answer is complete.',
  stopped: 'The answer was stopped.',
  failed: 'The answer failed.',
}

type Props = {
  id: string
  /** Called after a change here that the list of conversations shows. */
  onChanged: () => void
  onHelp: () => void
}

/** A conversation: its thread, and the composer. */
export function ConversationPane({ id, onChanged, onHelp }: Props) {
  const { client } = useViewer()
  const clipboard = useClipboard()
  const [editingId, setEditingId] = useState<string | null>(null)
  const [sentId, setSentId] = useState<string | null>(null)
  const [announcement, setAnnouncement] = useState('')
  const [{ data }, reload] = useQuery({ query: ConversationDocument, variables: { id } })
  const conversation = data?.conversation ?? null
  const title = conversation?.title
  useTitle(title ?? '')

  const announce = useCallback((event: ThreadEvent) => setAnnouncement(ANNOUNCEMENTS[event]), [])
  const { store, state } = useThread(id, announce)
  useConversationChanges(id, (change) => {
    applyChange(store, change)
    if (change.kind === 'RELOAD' || isChanged(conversation, change.conversation)) {
      reload({ requestPolicy: 'network-only' })
    }
  })
  const pending = state.chats.filter((chat) => chat.status === 'PENDING')
  const newest = state.chats.findLast((chat) => chat.replacedById === null)

  const edit = useCallback((chatId: string | null) => {
    setEditingId(chatId)
    // The form takes the focus with it. On touch screens the field would open the keyboard.
    if (chatId === null && !isTouch()) focusComposer()
  }, [])

  useShortcuts({
    copyLast: () => {
      if (!newest?.response) return
      clipboard.copy(newest.response)
      notifications.show({ message: 'Answer copied', closeButtonProps: { 'aria-label': 'Close' } })
    },
  })

  const onStarted = (chat: Chat | null) => {
    if (chat) {
      store.upsert(chat)
      setSentId(chat.id)
    }
  }
  const onReplaced = useCallback(
    (replacedId: string, chat: Chat) => {
      store.replace(replacedId, chat)
      setSentId(chat.id)
    },
    [store],
  )
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
    <section className={classes.pane} aria-label={title ?? 'Chat'}>
      {conversation && (
        <ConversationHeader
          conversation={conversation}
          chats={state.chats}
          hasEarlier={state.hasEarlier}
          onChanged={onChanged}
          onHelp={onHelp}
        />
      )}
      <ThreadView
        store={store}
        state={state}
        editingId={editingId}
        sentId={sentId}
        onEdit={edit}
        onReplaced={onReplaced}
      />
      <Composer
        draftOf={id}
        pending={pending}
        hasFailed={newest?.status === 'FAILED' || newest?.status === 'INTERRUPTED'}
        preferredModel={newest?.model ?? conversation?.model ?? null}
        onSend={send}
        onStopped={(chat) => {
          store.upsert(chat)
          setAnnouncement(ANNOUNCEMENTS.stopped)
        }}
        onEditLast={() => {
          if (newest && newest.status !== 'PENDING') setEditingId(newest.id)
        }}
      />
      <Announcer text={announcement} />
    </section>
  )
}

type Shown = Pick<Conversation, 'title' | 'model' | 'systemPrompt'> | null

/** Returns whether a conversation is another one than what is shown. False if it is deleted. */
function isChanged(shown: Shown, now: Shown): boolean {
  if (!shown || !now) return false
  return shown.title !== now.title || shown.model !== now.model || shown.systemPrompt !== now.systemPrompt
}

function Missing() {
  return (
    <EmptyState
      Icon={IconMessageOff}
      title="Conversation not found"
      action={
        <Button component={Link} to="/">
          New chat
        </Button>
      }
    >
      It was deleted, or it belongs to another account.
    </EmptyState>
  )
}

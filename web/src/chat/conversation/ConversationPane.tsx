import { Button } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
import { IconMessageOff } from '@tabler/icons-react'
import { useCallback, useMemo, useState } from 'react'
import { Link } from 'react-router'
import { UpdateConversationDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { asProblem } from '../../graphql/problem'
import { PayerContext, usePayer, useViewer } from '../../session/context'
import { EmptyState } from '../../ui/EmptyState'
import { PageLoader } from '../../ui/PageLoader'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { useTitle } from '../../ui/useTitle'
import classes from '../chat.module.css'
import { Composer } from '../composer/Composer'
import { focusComposer, isTouch } from '../composer/keys'
import { useShortcuts } from '../shortcuts/useShortcuts'
import type { ThreadEvent } from '../thread/threadStore'
import { ThreadView } from '../thread/ThreadView'
import { useThread } from '../thread/useThread'
import { Announcer } from './Announcer'
import { ConversationHeader } from './ConversationHeader'
import { useConversation } from './useConversation'
import { useSend } from './useSend'

const ANNOUNCEMENTS: Record<ThreadEvent, string> = {
  thinking: 'The model is thinking.',
  started: 'The answer begins.',
  finished: 'The answer is complete.',
  unanswered: 'The model gave no answer.',
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
  const [announcement, setAnnouncement] = useState('')
  const announce = useCallback((event: ThreadEvent) => setAnnouncement(ANNOUNCEMENTS[event]), [])
  const { store, state } = useThread(id, announce)
  const conversation = useConversation(id, store)
  const title = conversation?.title
  const byDefault = usePayer()
  const ofConversation = conversation?.payer
  const payer = useMemo(
    () => (ofConversation ? { ...byDefault, payer: ofConversation } : byDefault),
    [byDefault, ofConversation],
  )
  useTitle(title ?? '')
  const { send, sendReady, replace, sentId } = useSend(id, store)
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
      <PayerContext value={payer}>
        <ThreadView
          store={store}
          state={state}
          editingId={editingId}
          sentId={sentId}
          onEdit={edit}
          onReplaced={replace}
          onContinue={sendReady}
        />
        <Composer
          draftOf={id}
          pending={pending}
          hasFailed={newest?.status === 'FAILED' || newest?.status === 'INTERRUPTED'}
          preferredModel={conversation?.model ?? newest?.model ?? null}
          onSelectModel={async (model) => {
            await mutate(client, UpdateConversationDocument, { input: { conversationId: id, model } })
          }}
          estimateIn={{ conversationId: id, context: newest && `${newest.id} ${newest.status}` }}
          onSend={send}
          onStopped={(chat) => {
            store.upsert(chat)
            setAnnouncement(ANNOUNCEMENTS.stopped)
          }}
          onEditLast={() => {
            if (newest && newest.status !== 'PENDING') setEditingId(newest.id)
          }}
        />
      </PayerContext>
      <Announcer text={announcement} />
    </section>
  )
}

function Missing() {
  return (
    <EmptyState
      Icon={IconMessageOff}
      title="Conversation not found"
      action={
        <Button component={Link} to="/">
          Back to chat
        </Button>
      }
    >
      It was deleted, or it belongs to another account.
    </EmptyState>
  )
}

import { lazy, Suspense, useState } from 'react'
import { useNavigate, useParams } from 'react-router'
import { Frame } from '../layout/Frame'
import { usePayer } from '../session/context'
import { ChangesContext, useChangeFeed, useChanges } from './changes/useChanges'
import { useConversations } from './changes/useConversations'
import { ConversationPane } from './conversation/ConversationPane'
import { NewConversation } from './conversation/NewConversation'
import { focusComposer } from './composer/keys'
import { Sidebar } from './sidebar/Sidebar'
import { useShortcuts } from './shortcuts/useShortcuts'

const ShortcutsDialog = lazy(() => import('./shortcuts/ShortcutsDialog'))

export function ChatPage() {
  const { conversationId } = useParams()
  const feed = useChangeFeed()
  const conversations = useConversations(feed)
  const { payer, reload: reloadPayer } = usePayer()
  useChanges(feed, ({ kind, chat }) => {
    // What a group pays changes no balance of the user, which has events of its own.
    if (payer && (kind === 'RELOAD' || (chat && chat.status !== 'PENDING'))) reloadPayer()
  })
  const { pinned, unpinned, reload } = conversations
  // Remounts the page of a new chat, so that "New chat" clears it.
  const [fresh, setFresh] = useState(0)
  const [isHelpOpen, setHelpOpen] = useState(false)
  const navigate = useNavigate()
  const startNew = () => setFresh((n) => n + 1)

  /** Opens the conversation at this offset from the current one in the list. */
  const openNeighbour = (offset: number) => {
    const rows = [...pinned.rows, ...unpinned.rows]
    const at = rows.findIndex(({ id }) => id === conversationId)
    const neighbour = at < 0 ? rows[0] : rows[at + offset]
    if (neighbour) void navigate(`/c/${encodeURIComponent(neighbour.id)}`)
  }
  const showHelp = () => setHelpOpen(true)
  useShortcuts({
    newChat: () => {
      startNew()
      void navigate('/')
    },
    next: () => openNeighbour(1),
    previous: () => openNeighbour(-1),
    focusComposer,
    help: showHelp,
  })

  return (
    <ChangesContext value={feed}>
      <Frame
        fixed
        navigation={{
          label: 'Conversations',
          content: <Sidebar conversations={conversations} current={conversationId ?? null} onNew={startNew} />,
        }}
      >
        {conversationId === undefined ? (
          <NewConversation key={fresh} onCreated={reload} />
        ) : (
          <ConversationPane key={conversationId} id={conversationId} onChanged={reload} onHelp={showHelp} />
        )}
        {isHelpOpen && (
          <Suspense>
            <ShortcutsDialog onClose={() => setHelpOpen(false)} />
          </Suspense>
        )}
      </Frame>
    </ChangesContext>
  )
}

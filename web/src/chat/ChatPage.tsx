import { lazy, Suspense, useCallback, useState } from 'react'
import { useNavigate, useParams } from 'react-router'
import { ConversationsDocument } from '../gql/chat'
import { query } from '../graphql/client'
import { EMPTY_PAGE } from '../graphql/pagedList'
import { usePages } from '../graphql/usePages'
import { Frame } from '../layout/Frame'
import { useViewer } from '../session/context'
import { ConversationPane } from './conversation/ConversationPane'
import { NewConversation } from './conversation/NewConversation'
import { focusComposer } from './composer/keys'
import { Sidebar } from './sidebar/Sidebar'
import { useShortcuts } from './shortcuts/useShortcuts'

const ShortcutsDialog = lazy(() => import('./shortcuts/ShortcutsDialog'))

const PAGE = 30

export function ChatPage() {
  const { conversationId } = useParams()
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) =>
      (await query(client, ConversationsDocument, { first: PAGE, after })).conversations ?? EMPTY_PAGE,
    [client],
  )
  const conversations = usePages(load)
  const { reload } = conversations
  // Remounts the page of a new chat, so that "New chat" clears it.
  const [fresh, setFresh] = useState(0)
  const [isHelpOpen, setHelpOpen] = useState(false)
  const navigate = useNavigate()
  const startNew = () => setFresh((n) => n + 1)

  /** Opens the conversation that is some places below the current one in the list. */
  const openNeighbour = (places: number) => {
    const at = conversations.rows.findIndex(({ id }) => id === conversationId)
    const neighbour = at < 0 ? conversations.rows[0] : conversations.rows[at + places]
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
        <ConversationPane key={conversationId} id={conversationId} onActivity={reload} onHelp={showHelp} />
      )}
      {isHelpOpen && (
        <Suspense>
          <ShortcutsDialog onClose={() => setHelpOpen(false)} />
        </Suspense>
      )}
    </Frame>
  )
}

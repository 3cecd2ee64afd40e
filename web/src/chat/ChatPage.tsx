import { useCallback, useState } from 'react'
import { useParams } from 'react-router'
import { ConversationsDocument } from '../gql/chat'
import { query } from '../graphql/client'
import { EMPTY_PAGE } from '../graphql/pagedList'
import { usePages } from '../graphql/usePages'
import { Frame } from '../layout/Frame'
import { useViewer } from '../session/context'
import { ConversationPane } from './conversation/ConversationPane'
import { NewConversation } from './conversation/NewConversation'
import { Sidebar } from './sidebar/Sidebar'

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

  return (
    <Frame
      fixed
      navigation={{
        label: 'Conversations',
        content: (
          <Sidebar
            conversations={conversations}
            current={conversationId ?? null}
            onNew={() => setFresh((n) => n + 1)}
          />
        ),
      }}
    >
      {conversationId === undefined ? (
        <NewConversation key={fresh} onCreated={reload} />
      ) : (
        <ConversationPane key={conversationId} id={conversationId} onActivity={reload} />
      )}
    </Frame>
  )
}

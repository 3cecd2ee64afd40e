import { useCallback, useMemo, useState } from 'react'
import { ConversationsDocument, RecentChatsDocument } from '../../gql/chat'
import { query } from '../../graphql/client'
import { EMPTY_PAGE } from '../../graphql/pagedList'
import { usePages } from '../../graphql/usePages'
import { useViewer } from '../../session/context'
import type { ChangeFeed } from './changeFeed'
import { applyToRows, applyToRunning, type RunningChats } from './conversationRows'
import { useChanges } from './useChanges'

const PAGE = 30

/** The number of newest chats among which those in progress are looked for. */
const RECENT_CHATS = 50

/** Loads the conversations of the sidebar, and keeps them as they are on the server. */
export function useConversations(feed: ChangeFeed) {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) =>
      (await query(client, ConversationsDocument, { first: PAGE, after })).conversations ?? EMPTY_PAGE,
    [client],
  )
  const conversations = usePages(load)
  const { reload, change: changeRows } = conversations
  const [running, setRunning] = useState<RunningChats>(new Map())

  const loadRunning = async () => {
    const { chatHistory } = await query(client, RecentChatsDocument, { first: RECENT_CHATS })
    const pending = (chatHistory?.nodes ?? []).filter(({ status }) => status === 'PENDING')
    setRunning(new Map(pending.flatMap((chat) => (chat.conversation ? [[chat.id, chat.conversation.id]] : []))))
  }

  useChanges(feed, (change) => {
    if (change.kind === 'RELOAD') {
      reload()
      // Without it only the marks are missing.
      loadRunning().catch(() => undefined)
      return
    }
    setRunning((before) => applyToRunning(before, change))
    changeRows((rows) => applyToRows(rows, change))
  })

  return { conversations, running: useMemo(() => new Set(running.values()), [running]) }
}

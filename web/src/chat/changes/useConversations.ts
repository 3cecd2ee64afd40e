import { useMemo, useState } from 'react'
import { RecentChatsDocument } from '../../gql/chat'
import { query } from '../../graphql/client'
import { useViewer } from '../../session/context'
import type { ChangeFeed } from './changeFeed'
import { applyToRunning, type ConversationRow, type RunningChats } from './conversationRows'
import { useChanges } from './useChanges'
import { useConversationList } from './useConversationList'

const PINNED = { archived: false, pinned: true }
const UNPINNED = { archived: false, pinned: false }

/** The number of newest chats among which those in progress are looked for. */
const RECENT_CHATS = 50

/** Loads the conversations of the sidebar, and keeps them as they are on the server. */
export function useConversations(feed: ChangeFeed) {
  const { client } = useViewer()
  const pinned = useConversationList(feed, PINNED)
  const unpinned = useConversationList(feed, UNPINNED)
  const [running, setRunning] = useState<RunningChats>(new Map())

  const loadRunning = async () => {
    const { chatHistory } = await query(client, RecentChatsDocument, { first: RECENT_CHATS })
    const pending = (chatHistory?.nodes ?? []).filter(({ status }) => status === 'PENDING')
    setRunning(new Map(pending.flatMap((chat) => (chat.conversation ? [[chat.id, chat.conversation.id]] : []))))
  }

  useChanges(feed, (change) => {
    // Without it only the marks are missing.
    if (change.kind === 'RELOAD') loadRunning().catch(() => undefined)
    else setRunning((before) => applyToRunning(before, change))
  })

  return {
    pinned,
    unpinned,
    running: useMemo(() => new Set(running.values()), [running]),
    reload: () => {
      pinned.reload()
      unpinned.reload()
    },
    /** Shows a change that was made here, also while the feed is not connected. */
    update: (changed: ConversationRow) => {
      pinned.update(changed)
      unpinned.update(changed)
    },
  }
}

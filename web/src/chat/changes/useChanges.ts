import { createContext, use, useEffect, useEffectEvent, useState } from 'react'
import { useViewer } from '../../session/context'
import { ChangeFeed, type ConversationChange } from './changeFeed'

export const ChangesContext = createContext<ChangeFeed | null>(null)

/** Opens the feed of changes while the component is mounted. */
export function useChangeFeed(): ChangeFeed {
  const { socket } = useViewer()
  const [feed] = useState(() => new ChangeFeed(socket))
  useEffect(() => {
    feed.open()
    return () => feed.close()
  }, [feed])
  return feed
}

/** Handles each change while the component is mounted. */
export function useChanges(feed: ChangeFeed | null, onChange: (change: ConversationChange) => void): void {
  const handle = useEffectEvent(onChange)
  useEffect(() => feed?.listen((change) => handle(change)), [feed])
}

/** Handles each change of one conversation, and each RELOAD, while the component is mounted. */
export function useConversationChanges(id: string, onChange: (change: ConversationChange) => void): void {
  useChanges(use(ChangesContext), (change) => {
    if (change.kind === 'RELOAD' || change.conversationId === id) onChange(change)
  })
}

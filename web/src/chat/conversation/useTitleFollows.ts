import { useCallback, useEffect, useRef } from 'react'
import { UpdateConversationDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { useViewer } from '../../session/context'
import type { Conversation } from '../chat'
import type { Branch } from '../thread/branch'
import type { ThreadStore } from '../thread/threadStore'
import { followingTitle } from './titles'

/**
 * Returns a function that runs an action and lets the title follow the first message, which the action may change. A title
 * that the user has chosen stays.
 */
export function useTitleFollows(store: ThreadStore, conversation: Conversation | null): Branch {
  const { client } = useViewer()
  const shown = useRef(conversation)
  useEffect(() => {
    shown.current = conversation
  })

  return useCallback(
    async (action) => {
      const before = firstMessage(store)
      await action()
      const after = firstMessage(store)
      const current = shown.current
      if (!current || before === null || after === null) return
      const title = followingTitle(current.title, before, after)
      if (title === null) return
      const input = { conversationId: current.id, title }
      // The title is the old one then, which is no harm.
      await mutate(client, UpdateConversationDocument, { input }).catch(() => undefined)
    },
    [client, store],
  )
}

/** Returns the first message of the conversation; null if it is not loaded. */
function firstMessage({ state }: ThreadStore): string | null {
  if (state.hasEarlier) return null
  return state.chats.find(({ replacedById }) => replacedById === null)?.message ?? null
}

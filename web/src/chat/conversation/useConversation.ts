import { useQuery } from 'urql'
import { ConversationDocument } from '../../gql/chat'
import { useConversationChanges } from '../changes/useChanges'
import type { Conversation, OpenConversation } from '../chat'
import { applyChange } from '../thread/applyChange'
import type { ThreadStore } from '../thread/threadStore'

type Shown = Pick<Conversation, 'title' | 'model' | 'systemPrompt'> | null

/** Returns a conversation; null until it is loaded. Keeps it and its thread as they are on the server. */
export function useConversation(id: string, store: ThreadStore): OpenConversation | null {
  const [{ data }, reload] = useQuery({ query: ConversationDocument, variables: { id } })
  const conversation = data?.conversation ?? null
  useConversationChanges(id, (change) => {
    applyChange(store, change)
    if (change.kind === 'RELOAD' || isChanged(conversation, change.conversation)) {
      reload({ requestPolicy: 'network-only' })
    }
  })
  return conversation
}

/** Returns whether a conversation is another one than what is shown. False if it is deleted. */
function isChanged(shown: Shown, now: Shown): boolean {
  if (!shown || !now) return false
  return shown.title !== now.title || shown.model !== now.model || shown.systemPrompt !== now.systemPrompt
}

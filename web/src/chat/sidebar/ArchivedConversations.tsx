import { use, type RefObject } from 'react'
import type { ConversationRow } from '../changes/conversationRows'
import { ChangesContext } from '../changes/useChanges'
import { useConversationList } from '../changes/useConversationList'
import { ConversationList } from './ConversationList'

const ARCHIVED = { archived: true }

type Props = {
  running: ReadonlySet<string>
  current: string | null
  viewport: RefObject<HTMLDivElement | null>
  /** Shows a change of one of them in the other lists. */
  onUpdate: (changed: ConversationRow) => void
}

export function ArchivedConversations({ onUpdate, ...list }: Props) {
  const conversations = useConversationList(use(ChangesContext), ARCHIVED)
  return (
    <ConversationList
      conversations={conversations}
      empty="No archived chats"
      onUpdate={(changed) => {
        conversations.update(changed)
        onUpdate(changed)
      }}
      {...list}
    />
  )
}

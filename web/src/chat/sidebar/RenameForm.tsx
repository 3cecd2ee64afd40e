import { TextInput } from '@mantine/core'
import { useState } from 'react'
import { RenameConversationDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { asProblem } from '../../graphql/problem'
import { useViewer } from '../../session/context'
import type { ConversationRow } from './conversationRow'

type Props = {
  conversation: ConversationRow
  /** With the new title, or null where it stays. */
  onDone: (title: string | null) => void
}

/** The title as a field: Enter keeps the change, Escape forgets it. */
export function RenameForm({ conversation, onDone }: Props) {
  const { client } = useViewer()
  const [title, setTitle] = useState(conversation.title)
  const [error, setError] = useState<string | null>(null)

  const save = async () => {
    const newTitle = title.trim()
    if (newTitle === conversation.title || newTitle === '') {
      onDone(null)
      return
    }
    try {
      const input = { conversationId: conversation.id, title: newTitle }
      const renamed = await mutate(client, RenameConversationDocument, { input })
      onDone(renamed.conversation?.title ?? newTitle)
    } catch (thrown) {
      setError(asProblem(thrown).message)
    }
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void save()
      }}
    >
      <TextInput
        aria-label="Title of the conversation"
        data-autofocus
        // The menu that opened this has just closed; typing is what comes next.
        ref={focusAndSelect}
        value={title}
        error={error}
        maxLength={200}
        onChange={(event) => setTitle(event.currentTarget.value)}
        onBlur={() => void save()}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onDone(null)
        }}
      />
    </form>
  )
}

function focusAndSelect(input: HTMLInputElement | null): void {
  // After the menu has given the focus back.
  if (input) setTimeout(() => input.select())
}

import { TextInput } from '@mantine/core'
import { useState } from 'react'
import { RenameConversationDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { asProblem } from '../../graphql/problem'
import { useViewer } from '../../session/context'
import type { ConversationRow } from '../changes/conversationRows'

type Props = {
  conversation: ConversationRow
  /** Receives the new title; null if it is unchanged. */
  onDone: (title: string | null) => void
}

/** The form for the title of a conversation: Enter saves, Escape cancels. */
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
        // Focused, since the user opened it from a menu to type.
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
  // After the menu has returned the focus.
  if (input) setTimeout(() => input.select())
}

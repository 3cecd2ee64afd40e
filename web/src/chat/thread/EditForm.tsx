import { Button, Group, Text, Textarea } from '@mantine/core'
import { useRef, useState } from 'react'
import { EditMessageDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { asProblem, type Problem } from '../../graphql/problem'
import { IdempotentRequest, withNetworkRetry } from '../../graphql/retry'
import { useViewer } from '../../session/context'
import type { Chat } from '../chat'
import { isSendKey, isTouch } from '../composer/keys'
import { excessLength, messageLength } from '../composer/length'
import { RejectionNotice } from '../composer/RejectionNotice'
import { useLimits } from '../composer/useLimits'
import { LATER_MESSAGES } from './useRegenerate'

type Props = {
  chat: Chat
  /** The id of the chat that the edited one replaces. */
  targetId: string
  /** Whether it replaces later messages, too. */
  hasLater: boolean
  onDone: (edited: Chat | null) => void
}

/** The form that edits a message. Enter sends, except on touch screens; Escape cancels. */
export function EditForm({ chat, targetId, hasLater, onDone }: Props) {
  const { client } = useViewer()
  const [text, setText] = useState(chat.message)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isBusy, setBusy] = useState(false)
  const request = useRef(new IdempotentRequest())
  const length = messageLength(text)
  const excess = excessLength(length, useLimits().message)
  const isSendable = length > 0 && excess === null

  const send = async () => {
    if (isBusy || !isSendable) return
    setBusy(true)
    setProblem(null)
    try {
      const message = text.trim()
      const edited = await request.current.run([message], (idempotencyKey) =>
        withNetworkRetry(() =>
          mutate(client, EditMessageDocument, { input: { chatId: targetId, message, idempotencyKey } }),
        ),
      )
      onDone(edited.chat)
    } catch (thrown) {
      setProblem(asProblem(thrown))
      setBusy(false)
    }
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      <Textarea
        ref={focusAtEnd}
        aria-label="Edit message"
        autosize
        enterKeyHint={isTouch() ? 'enter' : 'send'}
        minRows={2}
        maxRows={10}
        value={text}
        error={excess}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onDone(null)
          if (isSendKey(event.nativeEvent)) {
            event.preventDefault()
            void send()
          }
        }}
      />
      {problem && <RejectionNotice problem={problem} price={null} />}
      <Group mt="xs" justify="flex-end">
        {hasLater && (
          <Text size="xs" c="dimmed" flex={1}>
            {LATER_MESSAGES}
          </Text>
        )}
        <Button variant="default" size="xs" onClick={() => onDone(null)}>
          Cancel
        </Button>
        <Button type="submit" size="xs" loading={isBusy} disabled={!isSendable}>
          Send
        </Button>
      </Group>
    </form>
  )
}

function focusAtEnd(field: HTMLTextAreaElement | null): void {
  // As a property, `dir` would be that of the box around the field.
  field?.setAttribute('dir', 'auto')
  field?.focus()
  field?.setSelectionRange(field.value.length, field.value.length)
}

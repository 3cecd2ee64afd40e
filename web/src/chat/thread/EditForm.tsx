import { Button, Group, Text, Textarea } from '@mantine/core'
import { useRef, useState } from 'react'
import { isMetered } from '../../format/prices'
import { EditMessageDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { asProblem, type Problem } from '../../graphql/problem'
import { IdempotentRequest, withNetworkRetry } from '../../graphql/retry'
import { useViewer } from '../../session/context'
import type { Chat } from '../chat'
import { describeEstimate } from '../composer/estimate'
import { isSendKey, isTouch } from '../composer/keys'
import { excessLength, messageLength } from '../composer/length'
import { RejectionNotice } from '../composer/RejectionNotice'
import { useEstimate } from '../composer/useEstimate'
import { useLimits } from '../composer/useLimits'
import { ModelSelect } from '../models/ModelSelect'
import { firstAvailable, priceOf, type Model } from '../models/useModels'
import { LATER_MESSAGES } from './useRegenerate'

type Props = {
  chat: Chat
  /** The id of the chat that the edited one replaces. */
  targetId: string
  /** Whether it replaces later messages, too. */
  hasLater: boolean
  models: readonly Model[]
  onDone: (edited: Chat | null) => void
}

/** The form that edits a message, for the same model or another one. Enter sends, except on touch screens; Escape cancels. */
export default function EditForm({ chat, targetId, hasLater, models, onDone }: Props) {
  const { client } = useViewer()
  const [text, setText] = useState(chat.message)
  const [selected, setSelected] = useState(chat.model)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isBusy, setBusy] = useState(false)
  const request = useRef(new IdempotentRequest())
  const model = firstAvailable(models, selected)
  const price = priceOf(models, model)
  const message = text.trim()
  const length = messageLength(text)
  const excess = excessLength(length, useLimits().message)
  const isSendable = length > 0 && excess === null
  const estimate = useEstimate(
    isSendable && model && isMetered(price) ? { message, model, replacesId: targetId } : null,
  )

  const send = async () => {
    if (isBusy || !isSendable) return
    setBusy(true)
    setProblem(null)
    try {
      const edited = await request.current.run([message, model], (idempotencyKey) =>
        withNetworkRetry(() =>
          mutate(client, EditMessageDocument, { input: { chatId: targetId, message, model, idempotencyKey } }),
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
      {problem && <RejectionNotice problem={problem} price={price} />}
      {hasLater && (
        <Text size="xs" c="dimmed" mt="xs">
          {LATER_MESSAGES}
        </Text>
      )}
      <Group mt="xs" justify="space-between" gap="xs">
        <ModelSelect
          models={models}
          selected={model}
          onSelect={setSelected}
          size="xs"
          w={{ base: '100%', sm: 280 }}
          aria-label="Model of the edited message"
        />
        <Group gap="xs" justify="flex-end" flex={1} wrap="nowrap">
          {estimate && (
            <Text size="xs" c="dimmed">
              {describeEstimate(estimate, isMetered(price))}
            </Text>
          )}
          <Button variant="default" size="xs" flex="none" onClick={() => onDone(null)}>
            Cancel
          </Button>
          <Button type="submit" size="xs" flex="none" loading={isBusy} disabled={!isSendable}>
            Send
          </Button>
        </Group>
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

import { ActionIcon, Group, Select, Text, Textarea, Tooltip } from '@mantine/core'
import { IconArrowUp, IconPlayerStopFilled } from '@tabler/icons-react'
import { useEffect, useRef, useState, type KeyboardEvent } from 'react'
import { asProblem, type Problem } from '../../graphql/problem'
import { IdempotentRequest } from '../../graphql/retry'
import { useBalance } from '../../session/context'
import type { Chat } from '../chat'
import page from '../chat.module.css'
import classes from './composer.module.css'
import { drafts } from './drafts'
import { COUNT_FROM, disabledReason, isUnaffordable, MAX_MESSAGE, messageLength } from './message'
import { InsufficientBalance, RejectionNotice } from './RejectionNotice'
import { useModels } from './useModels'
import { useStop } from './useStop'

/** A message to send. */
export type OutgoingMessage = { message: string; model: string | null; idempotencyKey: string }

type Props = {
  /** The key of the draft, which is kept in memory. */
  draftOf: string
  pending: readonly Chat[]
  /** The model that is selected until the user selects one. */
  preferredModel: string | null
  /** Throws if the message is rejected; its text is then kept. */
  onSend: (outgoing: OutgoingMessage) => Promise<void>
  onStopped: (chat: Chat) => void
}

/** The form for a message. Shows why a message cannot be sent. */
export function Composer({ draftOf, pending, preferredModel, onSend, onStopped }: Props) {
  const balance = useBalance()
  const { models, selectedModel, select, price } = useModels(preferredModel)
  const [text, setText] = useState(drafts.get(draftOf) ?? '')
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isSending, setSending] = useState(false)
  const request = useRef(new IdempotentRequest())
  const field = useRef<HTMLTextAreaElement>(null)
  const { stop, isStopping } = useStop(pending, onStopped)

  const length = messageLength(text)
  const hasPending = pending.length > 0
  const reason = disabledReason({ text, isSending, hasPending, price, balance: balance.tokens })

  useEffect(() => field.current?.focus({ preventScroll: true }), [draftOf])

  const write = (written: string) => {
    setText(written)
    drafts.set(draftOf, written)
  }

  const send = async () => {
    if (reason !== null) return
    setSending(true)
    setProblem(null)
    try {
      const message = text.trim()
      await request.current.run([message, selectedModel], (idempotencyKey) =>
        onSend({ message, model: selectedModel, idempotencyKey }),
      )
      write('')
    } catch (thrown) {
      setProblem(asProblem(thrown))
    }
    setSending(false)
    field.current?.focus()
  }

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault()
      void send()
    }
    if (event.key === 'Escape' && hasPending) void stop()
  }

  return (
    <div className={`${page.column} ${classes.composer}`}>
      {problem && <RejectionNotice problem={problem} price={price} />}
      {!problem && price && isUnaffordable(price, balance.tokens) && <InsufficientBalance price={price} />}
      <form
        aria-label="Write a message"
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        <Textarea
          ref={field}
          mt="xs"
          radius="lg"
          autosize
          minRows={1}
          maxRows={8}
          aria-label="Message"
          placeholder="Write a message"
          value={text}
          error={length > MAX_MESSAGE}
          onChange={(event) => write(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          rightSectionWidth={48}
          rightSectionProps={{ style: { alignItems: 'flex-end', paddingBottom: 4 } }}
          rightSection={
            hasPending ? (
              <Tooltip label="Stop the answer (Escape)">
                <ActionIcon
                  radius="xl"
                  color="gray"
                  loading={isStopping}
                  aria-label="Stop the answer"
                  onClick={() => void stop()}
                >
                  <IconPlayerStopFilled size={16} />
                </ActionIcon>
              </Tooltip>
            ) : (
              <Tooltip label={reason ?? 'Send (Enter)'}>
                <ActionIcon
                  type="submit"
                  radius="xl"
                  variant="filled"
                  loading={isSending}
                  // Not `disabled`: the button must stay focusable, since its label is the reason.
                  data-disabled={reason !== null || undefined}
                  aria-disabled={reason !== null}
                  aria-label={reason === null ? 'Send' : `Send. ${reason}`}
                >
                  <IconArrowUp size={18} />
                </ActionIcon>
              </Tooltip>
            )
          }
        />
        <Group justify="space-between" mt={6} gap="xs" wrap="nowrap">
          <Select
            size="xs"
            className={classes.model}
            aria-label="Model"
            data={models}
            value={selectedModel}
            onChange={(selected) => selected && select(selected)}
            allowDeselect={false}
            variant="unstyled"
            comboboxProps={{ position: 'top-start', width: 320 }}
          />
          {length >= COUNT_FROM && (
            <Text size="xs" c={length > MAX_MESSAGE ? 'red' : 'dimmed'} role="status" style={{ whiteSpace: 'nowrap' }}>
              {length} of {MAX_MESSAGE}
            </Text>
          )}
        </Group>
      </form>
    </div>
  )
}

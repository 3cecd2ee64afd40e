import { Textarea } from '@mantine/core'
import { useEffect, useEffectEvent, useRef, useState, type KeyboardEvent } from 'react'
import { isMetered } from '../../format/prices'
import { useBalance, usePayer, useViewer } from '../../session/context'
import { useStore } from '../../store/useStore'
import type { Chat } from '../chat'
import page from '../chat.module.css'
import { rememberModel } from '../models/lastModel'
import { useModelChoice } from '../models/useModelChoice'
import classes from './composer.module.css'
import { ComposerButtons } from './ComposerButtons'
import { ComposerFooter, ESTIMATE_ID } from './ComposerFooter'
import { drafts } from './drafts'
import { FIELD_ID, isSendKey, isTouch } from './keys'
import { formatLength, isNearLimit, messageLength } from './length'
import { isUnaffordable, joinTexts, submission } from './message'
import { Outbox, type OutgoingMessage } from './outbox'
import { QueuedNotice } from './QueuedNotice'
import { InsufficientBalance, RejectionNotice } from './RejectionNotice'
import { useEstimate } from './useEstimate'
import { useFiles } from './useFiles'
import { useLimits } from './useLimits'
import { useStop } from './useStop'

type Props = {
  /** The key of the draft. */
  draftOf: string
  pending: readonly Chat[]
  /** Whether the last answer failed. */
  hasFailed: boolean
  /** The model that is selected until the user selects one. */
  preferredModel: string | null
  /** Keeps the selected model. */
  onSelectModel?: (name: string) => Promise<void>
  /** What the server needs to know of the context to estimate the cost of a message; null if it cannot know it. */
  estimateIn: { conversationId?: string; context?: string } | null
  /** Throws if the message is rejected; its text is then kept. */
  onSend: (outgoing: OutgoingMessage) => Promise<void>
  onStopped: (chat: Chat) => void
  /** Edits the last message. */
  onEditLast?: () => void
}

/** The form for a message. Shows why a message cannot be sent. */
export function Composer(props: Props) {
  const { draftOf, pending, hasFailed, preferredModel, onSelectModel, estimateIn, onSend, onStopped, onEditLast } =
    props
  const { user } = useViewer()
  const balance = useBalance()
  // What a group has, other members spend meanwhile: only the server knows it.
  const available = usePayer().payer ? Infinity : balance.tokens
  const maxLength = useLimits().message
  const { models, selected, select, price } = useModelChoice(preferredModel, onSelectModel)
  const [text, setText] = useState(() => {
    drafts.belongTo(user.id)
    return drafts.get(draftOf) ?? ''
  })
  const [isRefused, setRefused] = useState(false)
  const field = useRef<HTMLTextAreaElement>(null)
  const { stop, isStopping } = useStop(pending, onStopped)
  const hasPending = pending.length > 0
  const [outbox] = useState(() => new Outbox())
  const { queued, isSending, problem } = useStore(outbox)
  const deliver = async (outgoing: OutgoingMessage) => {
    await onSend(outgoing)
    if (outgoing.model) rememberModel(user.id, outgoing.model)
  }
  const files = useFiles(text, maxLength, (added) => {
    const start = field.current?.selectionStart ?? text.length
    const end = field.current?.selectionEnd ?? text.length
    setText(text.slice(0, start) + added + text.slice(end))
    field.current?.focus()
  })

  const length = messageLength(text)
  const hasQueued = queued !== null
  const next = submission({ text, maxLength, isSending, hasPending, hasQueued, price, balance: available })
  // A message that waits has a longer context by the time it is sent.
  const isEstimated = next.action === 'send' && estimateIn && selected !== null && isMetered(price)
  const estimate = useEstimate(isEstimated ? { message: text.trim(), model: selected, ...estimateIn } : null)
  const reason = next.action === 'none' ? next.reason : null

  useEffect(() => {
    field.current?.focus({ preventScroll: true })
    // As a property, `dir` would be that of the box around the field.
    field.current?.setAttribute('dir', 'auto')
  }, [draftOf])

  // With the queued message, which is not lost by a reload, nor sent by it.
  const waiting = queued?.message ?? ''
  const stored = useRef(text)
  useEffect(() => {
    const draft = joinTexts(waiting, text)
    // Only what was written here: a tab that opens leaves the draft of another one.
    if (draft === stored.current) return
    stored.current = draft
    drafts.set(draftOf, draft)
  }, [draftOf, waiting, text])

  const onAnswerEnd = useEffectEvent(() => void outbox.answerEnded(hasFailed, deliver))
  useEffect(() => {
    if (hasQueued && !hasPending) onAnswerEnd()
  }, [hasQueued, hasPending])

  const submit = async () => {
    setRefused(next.action === 'none')
    if (next.action === 'none') return
    const message = text.trim()
    if (next.action === 'queue') {
      outbox.queue(message, selected)
      setText('')
    } else if (await outbox.send(message, selected, deliver)) {
      // Unless more was written meanwhile.
      setText((now) => (now.trim() === message ? '' : now))
    }
    field.current?.focus()
  }

  const onKeyDown = (event: KeyboardEvent) => {
    if (isSendKey(event.nativeEvent)) {
      event.preventDefault()
      void submit()
    }
    const hasModifier = event.shiftKey || event.ctrlKey || event.altKey || event.metaKey
    if (event.key === 'ArrowUp' && text === '' && !hasModifier && onEditLast) {
      event.preventDefault()
      onEditLast()
    }
  }

  return (
    <div className={`${page.column} ${classes.composer}`}>
      {problem && <RejectionNotice problem={problem} price={price} />}
      {!problem && !hasPending && price && isUnaffordable(price, available) && <InsufficientBalance price={price} />}
      {queued && (
        <QueuedNotice
          queued={queued}
          isBusy={isSending}
          onSend={() => void outbox.release(deliver)}
          onCancel={() => {
            setText(joinTexts(outbox.cancel(), text))
            field.current?.focus()
          }}
        />
      )}
      <form
        aria-label="New message"
        className={files.isDragging ? classes.dropTarget : undefined}
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        <Textarea
          ref={field}
          id={FIELD_ID}
          mt="xs"
          radius="lg"
          autosize
          minRows={1}
          maxRows={8}
          enterKeyHint={isTouch() ? 'enter' : 'send'}
          aria-label="Message"
          aria-describedby={estimate ? ESTIMATE_ID : undefined}
          placeholder={files.isDragging ? 'Drop text files here' : 'Message Jeton'}
          value={text}
          error={length > maxLength}
          onChange={(event) => {
            setText(event.currentTarget.value)
            files.clearNotice()
          }}
          onKeyDown={onKeyDown}
          onPaste={files.onPaste}
          rightSectionWidth={hasPending ? 84 : 48}
          // At the side of the buttons, whatever the direction of the text.
          styles={{ input: { paddingLeft: 14, paddingRight: hasPending ? 84 : 48 } }}
          rightSectionProps={{ style: { alignItems: 'flex-end', paddingBottom: 4 } }}
          rightSection={
            <ComposerButtons
              submission={next}
              hasPending={hasPending}
              isSending={isSending}
              isStopping={isStopping}
              onStop={() => void stop()}
            />
          }
        />
        <ComposerFooter
          models={models}
          selected={selected}
          onSelect={select}
          estimate={estimate}
          isRejected={isRefused && reason !== null}
          status={files.notice ?? (isRefused ? reason : null) ?? hint({ length, maxLength, hasPending, hasQueued })}
        />
      </form>
    </div>
  )
}

type HintState = { length: number; maxLength: number; hasPending: boolean; hasQueued: boolean }

function hint({ length, maxLength, hasPending, hasQueued }: HintState): string | null {
  if (isNearLimit(length, maxLength)) return formatLength(length, maxLength)
  if (hasPending && !hasQueued) return 'An answer is in progress. Your next message will wait for it.'
  return null
}

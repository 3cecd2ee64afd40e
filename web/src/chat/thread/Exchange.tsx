import { Stack } from '@mantine/core'
import { lazy, memo, Suspense } from 'react'
import type { Chat } from '../chat'
import type { Model } from '../models/useModels'
import type { LiveReply } from '../reply/liveReply'
import { Answer } from './Answer'
import { Bubble } from './Bubble'
import type { OnContinue } from './ContinueButton'
import { OwnMessage } from './OwnMessage'
import classes from './thread.module.css'
import type { OnChoose } from './VersionPager'

const EditForm = lazy(() => import('./EditForm'))

type Props = {
  chat: Chat
  /** The chat that a new version replaces. */
  target: Chat
  /** Whether a new version would replace later messages. */
  hasLater: boolean
  models: readonly Model[]
  /** The reply in progress; null if there is none. */
  live: LiveReply | null
  isLast: boolean
  /** Whether an answer of the conversation is in progress. */
  isBlocked: boolean
  /** The chat that the URL links to. */
  linkedId: string | null
  isEditing: boolean
  onEdit: (id: string | null) => void
  onReplaced: (replacedId: string, chat: Chat) => void
  onChoose: OnChoose
  onContinue: OnContinue
  onDeleted: (id: string) => void
}

/** A message and its answer, with their actions. */
export const Exchange = memo(function Exchange(props: Props) {
  const { chat, target, hasLater, models, live, isLast, isBlocked, linkedId, isEditing } = props
  const { onEdit, onReplaced, onChoose, onContinue, onDeleted } = props
  const names = [classes.exchange, isLast && classes.last, linkedId === chat.id && classes.found]
  const replaced = (by: Chat) => onReplaced(target.id, by)

  return (
    <article id={chat.id} className={names.filter(Boolean).join(' ')} aria-label="Message and answer">
      <Stack gap="md">
        {isEditing ? (
          <Suspense fallback={<Bubble>{chat.message}</Bubble>}>
            <EditForm
              chat={chat}
              targetId={target.id}
              hasLater={hasLater}
              models={models}
              onDone={(edited) => {
                onEdit(null)
                if (edited) replaced(edited)
              }}
            />
          </Suspense>
        ) : (
          <OwnMessage chat={chat} isLast={isLast} onEdit={() => onEdit(chat.id)} onDeleted={() => onDeleted(chat.id)} />
        )}
        <Answer
          chat={chat}
          target={target}
          hasLater={hasLater}
          models={models}
          live={live}
          isBlocked={isBlocked}
          onReplaced={replaced}
          onChoose={onChoose}
          onContinue={isLast && !isBlocked ? onContinue : null}
        />
      </Stack>
    </article>
  )
})

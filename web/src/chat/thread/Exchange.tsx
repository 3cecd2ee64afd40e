import { Stack } from '@mantine/core'
import { memo } from 'react'
import type { Chat } from '../chat'
import { Answer } from './Answer'
import { EarlierVersions } from './EarlierVersions'
import { EditForm } from './EditForm'
import { OwnMessage } from './OwnMessage'
import classes from './thread.module.css'

type Props = {
  chat: Chat
  earlier: Chat[]
  /** The reply in progress; null if there is none. */
  live: string | null
  isLast: boolean
  /** The chat that the URL links to. */
  linkedId: string | null
  isEditing: boolean
  onEdit: (id: string | null) => void
  onReplaced: (replacedId: string, chat: Chat) => void
  onDeleted: (id: string) => void
}

/** A message and its answer, with their actions. */
export const Exchange = memo(function Exchange(props: Props) {
  const { chat, earlier, live, isLast, linkedId, isEditing, onEdit, onReplaced, onDeleted } = props
  const names = [classes.exchange, isLast && classes.last, linkedId === chat.id && classes.found]

  return (
    <article id={chat.id} className={names.filter(Boolean).join(' ')} aria-label="Message and answer">
      <Stack gap="md">
        {earlier.length > 0 && <EarlierVersions chats={earlier} linkedId={linkedId} />}
        {isEditing ? (
          <EditForm
            chat={chat}
            isLast={isLast}
            onDone={(edited) => {
              onEdit(null)
              if (edited) onReplaced(chat.id, edited)
            }}
          />
        ) : (
          <OwnMessage chat={chat} onEdit={() => onEdit(chat.id)} onDeleted={() => onDeleted(chat.id)} />
        )}
        <Answer chat={chat} live={live} isLast={isLast} onReplaced={(by) => onReplaced(chat.id, by)} />
      </Stack>
    </article>
  )
})

import { ActionIcon, Group, Text, Tooltip, VisuallyHidden } from '@mantine/core'
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react'
import { useState } from 'react'
import { notifyProblem } from '../../ui/confirm'
import type { Chat } from '../chat'
import classes from './thread.module.css'

type Direction = 'previous' | 'next'

/** Chooses a version. Resolves when the thread shows it. */
export type OnChoose = (id: string, from: string) => Promise<void>

type Props = {
  chat: Chat
  /** Whether an answer of the conversation is in progress: then nothing can be chosen. */
  isBlocked: boolean
  onChoose: OnChoose
}

/** The place of a chat among the versions of its message, and buttons to the others: ‹ 2/3 ›. */
export function VersionPager({ chat, isBlocked, onChoose }: Props) {
  const [isBusy, setBusy] = useState(false)
  const { versions } = chat
  if (!versions) return null
  const { number, count } = versions
  const ids = { previous: versions.previousId, next: versions.nextId }

  const choose = async (direction: Direction) => {
    const id = ids[direction]
    if (id === null || isBlocked || isBusy) return
    setBusy(true)
    try {
      await onChoose(id, chat.id)
      // This one has left the page with the focus.
      pagerButton(id, direction)?.focus({ preventScroll: true })
    } catch (thrown) {
      notifyProblem(thrown)
    }
    setBusy(false)
  }

  const button = (direction: Direction) => {
    const isOff = ids[direction] === null || isBlocked
    const label = direction === 'previous' ? 'Previous version' : 'Next version'
    return (
      <Tooltip label={isBlocked ? 'Wait for the answer in progress' : label}>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          className={classes.pager}
          data-pager={direction}
          // Not `disabled`: at the last version the button keeps the focus.
          data-disabled={isOff || undefined}
          aria-disabled={isOff}
          aria-label={label}
          onClick={() => void choose(direction)}
        >
          {direction === 'previous' ? <IconChevronLeft size={15} /> : <IconChevronRight size={15} />}
        </ActionIcon>
      </Tooltip>
    )
  }

  return (
    <Group gap={0} wrap="nowrap" role="group" aria-label="Versions of this message">
      {button('previous')}
      <Text size="xs" c="dimmed" component="span" role="status">
        <VisuallyHidden>
          Version {number} of {count}
        </VisuallyHidden>
        <span aria-hidden>
          {number}/{count}
        </span>
      </Text>
      {button('next')}
    </Group>
  )
}

function pagerButton(chatId: string, direction: Direction): HTMLElement | null {
  return document.getElementById(chatId)?.querySelector(`[data-pager="${direction}"]`) ?? null
}

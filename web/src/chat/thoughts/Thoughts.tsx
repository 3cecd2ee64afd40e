import { UnstyledButton } from '@mantine/core'
import { IconBulb, IconChevronRight } from '@tabler/icons-react'
import { useId, useState } from 'react'
import type { Chat } from '../chat'
import { Markdown } from '../markdown/Markdown'
import type { LiveReply } from '../reply/liveReply'
import { useStickyScroll } from '../thread/useStickyScroll'
import { useFold } from './folds'
import classes from './thoughts.module.css'
import { runningTime, thoughtsLabel } from './thoughtsLabel'
import { useNow } from './useNow'

type Props = {
  chat: Pick<Chat, 'id' | 'status' | 'reasoning' | 'reasoningMs'>
  /** The reply in progress; null if there is none. */
  live: LiveReply | null
}

/** What the model thought before its answer, folded: a line with the time that it took. */
export function Thoughts({ chat, live }: Props) {
  const isPending = chat.status === 'PENDING'
  const { reasoning: text, reasoningMs: milliseconds } = live ?? chat
  const label = thoughtsLabel(milliseconds)
  // Providers may hide what was thought.
  if (!text) return milliseconds !== null && <p className={classes.hidden}>{label}</p>
  const since = isPending && live?.text === '' ? live.reasoningSince : null
  return <FoldedThoughts chatId={chat.id} text={text} label={label} since={since} isPending={isPending} />
}

type FoldedProps = {
  chatId: string
  text: string
  label: string
  /** When the model began to think; null if it has ended. */
  since: number | null
  isPending: boolean
}

function FoldedThoughts({ chatId, text, label, since, isPending }: FoldedProps) {
  const [isOpen, toggle] = useFold(chatId)
  const bodyId = useId()
  const isThinking = since !== null
  return (
    <div className={classes.thoughts}>
      <UnstyledButton
        className={classes.toggle}
        aria-expanded={isOpen}
        aria-controls={isOpen ? bodyId : undefined}
        onClick={toggle}
      >
        <IconBulb size={16} aria-hidden className={isThinking ? classes.thinking : undefined} />
        <span>{isThinking ? 'Thinking…' : label}</span>
        {isThinking && <RunningTime since={since} />}
        <IconChevronRight size={14} aria-hidden className={classes.chevron} />
      </UnstyledButton>
      {isOpen && <Body id={bodyId} text={text} isPending={isPending} />}
    </div>
  )
}

/** Not for screen readers, which would read the name of the button again each second. */
function RunningTime({ since }: { since: number }) {
  const now = useNow()
  return (
    <span aria-hidden className={classes.time}>
      {runningTime(since, now)}
    </span>
  )
}

/** The thoughts. Those that are opened while they grow have a scroll of their own, until they are folded. */
function Body({ id, text, isPending }: { id: string; text: string; isPending: boolean }) {
  const [isLimited] = useState(isPending)
  return (
    <div id={id} className={classes.body}>
      {isLimited ? <GrowingText text={text} /> : <Markdown text={text} />}
    </div>
  )
}

function GrowingText({ text }: { text: string }) {
  const { scroller, content } = useStickyScroll({ oldest: null, isHeld: false })
  return (
    <div ref={scroller} className={classes.scroll} role="region" aria-label="Thoughts" tabIndex={0} data-scroller>
      <div ref={content}>
        <Markdown text={text} />
      </div>
    </div>
  )
}

import { ActionIcon, Button, Stack, Tooltip } from '@mantine/core'
import { IconArrowDown } from '@tabler/icons-react'
import { useEffect, useMemo, useRef } from 'react'
import { useSearchParams } from 'react-router'
import { ProblemAlert } from '../../ui/ProblemAlert'
import type { Chat } from '../chat'
import page from '../chat.module.css'
import { EarlierVersions } from './EarlierVersions'
import { Exchange } from './Exchange'
import { buildThread } from './thread'
import classes from './thread.module.css'
import type { ThreadState, ThreadStore } from './threadStore'
import { useStickyScroll } from './useStickyScroll'

type Props = {
  store: ThreadStore
  state: ThreadState
  /** The chat whose message is being edited; null if there is none. */
  editingId: string | null
  onEdit: (id: string | null) => void
  onReplaced: (replacedId: string, chat: Chat) => void
}

/** The thread of a conversation, oldest first. Follows its end while answers grow, unless the user has scrolled up. */
export function ThreadView({ store, state, editingId, onEdit, onReplaced }: Props) {
  const { chats, live, hasEarlier, isLoadingEarlier, problem } = state
  const thread = useMemo(() => buildThread(chats), [chats])
  const [parameters] = useSearchParams()
  const linkedId = parameters.get('chat')
  const oldest = chats[0]?.id ?? null
  const { scroller, content, isAtEnd, toEnd, letGo } = useStickyScroll({ oldest, isHeld: linkedId !== null })
  const isFound = linkedId !== null && chats.some((chat) => chat.id === linkedId)

  // Scrolls to a message that was just sent.
  const last = thread.items.at(-1)?.chat.id
  const shown = useRef(last)
  useEffect(() => {
    if (shown.current !== undefined && shown.current !== last && chats.at(-1)?.id === last) toEnd()
    shown.current = last
  }, [last, chats, toEnd])

  // A chat that a search or the ledger links to may be earlier than what is loaded.
  useEffect(() => {
    if (linkedId !== null && !isFound) void store.loadTowards(linkedId)
  }, [linkedId, isFound, state, store])

  useEffect(() => {
    if (linkedId === null || !isFound) return
    letGo()
    document.getElementById(linkedId)?.scrollIntoView({ block: 'start' })
  }, [linkedId, isFound, letGo])

  useEffect(() => {
    if (editingId === null) return
    letGo()
    document.getElementById(editingId)?.scrollIntoView({ block: 'nearest' })
  }, [editingId, letGo])

  return (
    <>
      <div ref={scroller} className={page.scroll} role="region" aria-label="Messages" tabIndex={0}>
        <Stack ref={content} className={page.column} py="md" gap="xl">
          {hasEarlier && (
            <Button
              variant="subtle"
              size="xs"
              mx="auto"
              loading={isLoadingEarlier}
              onClick={() => void store.loadEarlier()}
            >
              Show earlier messages
            </Button>
          )}
          {problem && <ProblemAlert problem={problem} />}
          {thread.orphans.length > 0 && <EarlierVersions chats={thread.orphans} linkedId={linkedId} />}
          {thread.items.map(({ chat, earlier }) => (
            <Exchange
              key={chat.id}
              chat={chat}
              earlier={earlier}
              live={live.get(chat.id) ?? null}
              isLast={chat.id === last}
              linkedId={linkedId}
              isEditing={chat.id === editingId}
              onEdit={onEdit}
              onReplaced={onReplaced}
              onDeleted={(id) => store.remove(id)}
            />
          ))}
        </Stack>
      </div>
      {!isAtEnd && (
        <div style={{ position: 'relative' }}>
          <Tooltip label="Scroll to bottom">
            <ActionIcon
              className={classes.jump}
              variant="default"
              size="lg"
              radius="xl"
              aria-label="Scroll to bottom"
              onClick={toEnd}
            >
              <IconArrowDown size={18} />
            </ActionIcon>
          </Tooltip>
        </div>
      )}
    </>
  )
}

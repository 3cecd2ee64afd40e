import { ActionIcon, Button, Stack, Tooltip } from '@mantine/core'
import { IconArrowDown } from '@tabler/icons-react'
import { useCallback, useEffect, useMemo } from 'react'
import { useSearchParams } from 'react-router'
import { ProblemAlert } from '../../ui/ProblemAlert'
import type { Chat } from '../chat'
import page from '../chat.module.css'
import { useModels } from '../models/useModels'
import type { OnContinue } from './ContinueButton'
import { Exchange } from './Exchange'
import { OtherVersionNotice } from './OtherVersionNotice'
import { buildThread } from './thread'
import classes from './thread.module.css'
import type { ThreadState, ThreadStore } from './threadStore'
import { useChooseVersion } from './useChooseVersion'
import { useStickyScroll } from './useStickyScroll'

type Props = {
  store: ThreadStore
  state: ThreadState
  /** The chat whose message is being edited; null if there is none. */
  editingId: string | null
  /** The chat that was sent here last; null if there is none. */
  sentId: string | null
  onEdit: (id: string | null) => void
  onReplaced: (replacedId: string, chat: Chat) => void
  onContinue: OnContinue
}

/** The thread of a conversation, oldest first. Follows its end while answers grow, unless the user has scrolled up. */
export function ThreadView(props: Props) {
  const { store, state, editingId, sentId, onEdit, onReplaced, onContinue } = props
  const { chats, live, hasEarlier, isLoadingEarlier, problem } = state
  const thread = useMemo(() => buildThread(chats), [chats])
  const [parameters] = useSearchParams()
  const linkedId = parameters.get('chat')
  const oldest = chats[0]?.id ?? null
  const { scroller, content, isAtEnd, toEnd, letGo } = useStickyScroll({ oldest, isHeld: linkedId !== null })
  const isLoaded = linkedId !== null && chats.some((chat) => chat.id === linkedId)
  const isFound = isLoaded && thread.some(({ chat }) => chat.id === linkedId)
  const last = thread.at(-1)?.chat.id
  const models = useModels(thread.map(({ chat }) => chat.model))
  const isBlocked = live.size > 0
  const { choose, show } = useChooseVersion({ store, scroller, letGo })

  // Only to one's own messages: what another device sends does not move what is being read.
  useEffect(() => {
    if (sentId !== null) toEnd()
  }, [sentId, toEnd])

  // A chat that a search or the ledger links to may be earlier than what is loaded.
  useEffect(() => {
    if (linkedId !== null && !isLoaded) void store.loadTowards(linkedId)
  }, [linkedId, isLoaded, state, store])

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

  const onDeleted = useCallback(
    (id: string) => {
      store.remove(id)
      // Another version of it may take its place.
      void store.refresh()
    },
    [store],
  )

  return (
    <>
      {isLoaded && !isFound && <OtherVersionNotice key={linkedId} onShow={() => show(linkedId)} />}
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
          {thread.map((item) => (
            <Exchange
              key={item.chat.id}
              {...item}
              models={models}
              live={live.get(item.chat.id) ?? null}
              isLast={item.chat.id === last}
              isBlocked={isBlocked}
              linkedId={linkedId}
              isEditing={item.chat.id === editingId}
              onEdit={onEdit}
              onReplaced={onReplaced}
              onChoose={choose}
              onContinue={onContinue}
              onDeleted={onDeleted}
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

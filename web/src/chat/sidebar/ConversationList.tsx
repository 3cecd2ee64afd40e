import { Button, Loader, Skeleton, Stack, Text } from '@mantine/core'
import { useIntersection } from '@mantine/hooks'
import { useEffect, type RefObject } from 'react'
import { groupByDay } from '../../format/dayGroups'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { useMinute } from '../../ui/useMinute'
import { ConversationLink } from './ConversationLink'
import type { ConversationRow } from '../changes/conversationRows'
import type { Conversations } from '../changes/useConversationList'
import classes from './sidebar.module.css'

type Props = {
  /** Pinned conversations, which come first. */
  pinned?: Conversations
  conversations: Conversations
  running: ReadonlySet<string>
  current: string | null
  viewport: RefObject<HTMLDivElement | null>
  /** Shows a change of one of them in all lists. */
  onUpdate: (changed: ConversationRow) => void
  /** What is said of an empty list. */
  empty: string
}

/** Conversations, grouped by date, most recently active first, with infinite scrolling. */
export function ConversationList({ pinned, conversations, onUpdate, empty, ...list }: Props) {
  const { rows, isLoading, problem, reload } = conversations
  const now = useMinute()
  const pinnedRows = pinned?.rows ?? []

  if (problem && rows.length === 0) return <ProblemAlert problem={problem} onRetry={reload} />
  if (isLoading && rows.length === 0) return <Placeholders />
  if (rows.length + pinnedRows.length === 0) {
    return (
      <Text size="sm" c="dimmed" p="xs">
        {empty}
      </Text>
    )
  }
  const groups = groupByDay(rows, ({ activeAt }) => activeAt, now)
  return (
    <Stack gap="xs">
      {pinned && pinnedRows.length > 0 && (
        <>
          <ConversationGroup label="Pinned" rows={pinnedRows} pages={pinned} onUpdate={onUpdate} {...list} />
          <MoreConversations pages={pinned} viewport={list.viewport} />
        </>
      )}
      {groups.map((group) => (
        <ConversationGroup key={group.label} pages={conversations} onUpdate={onUpdate} {...group} {...list} />
      ))}
      <MoreConversations pages={conversations} viewport={list.viewport} />
    </Stack>
  )
}

type GroupProps = Pick<Props, 'running' | 'current' | 'onUpdate'> & {
  label: string
  rows: readonly ConversationRow[]
  pages: Conversations
}

function ConversationGroup({ label, rows, pages, running, current, onUpdate }: GroupProps) {
  return (
    <section aria-label={label}>
      <h2 className={classes.groupLabel}>{label}</h2>
      <Stack component="ul" gap={2} m={0} p={0} style={{ listStyle: 'none' }}>
        {rows.map((row) => (
          <ConversationLink
            key={row.id}
            conversation={row}
            isCurrent={row.id === current}
            isRunning={running.has(row.id)}
            onChanged={(changed) => {
              if (changed) onUpdate(changed)
              else pages.remove(new Set([row.id]))
            }}
          />
        ))}
      </Stack>
    </section>
  )
}

function MoreConversations({ pages, viewport }: { pages: Conversations; viewport: Props['viewport'] }) {
  const { isLoading, hasMore, problem, loadMore } = pages
  const { ref, entry } = useIntersection({ root: viewport.current, rootMargin: '200px' })
  const isNearEnd = entry?.isIntersecting ?? false
  useEffect(() => {
    if (isNearEnd && !problem) loadMore()
  }, [isNearEnd, problem, loadMore])

  if (!hasMore) return null
  return (
    <div ref={ref}>
      {isLoading ? (
        <Loader size="xs" m="sm" />
      ) : (
        <Button variant="subtle" size="xs" onClick={loadMore}>
          Show more
        </Button>
      )}
    </div>
  )
}

function Placeholders() {
  return (
    <Stack gap="xs" p="xs" role="status" aria-label="Loading your conversations">
      {[80, 60, 90, 70].map((width) => (
        <Skeleton key={width} height={14} width={`${width}%`} />
      ))}
    </Stack>
  )
}

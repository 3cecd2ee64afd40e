import { Button, Loader, Skeleton, Stack, Text } from '@mantine/core'
import { useIntersection } from '@mantine/hooks'
import { useEffect, type RefObject } from 'react'
import { groupByDay } from '../../format/dayGroups'
import type { Pages } from '../../graphql/usePages'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { useMinute } from '../../ui/useMinute'
import { ConversationLink } from './ConversationLink'
import type { ConversationRow } from '../changes/conversationRows'
import classes from './sidebar.module.css'

type Props = {
  conversations: Pages<ConversationRow>
  running: ReadonlySet<string>
  current: string | null
  viewport: RefObject<HTMLDivElement | null>
}

/** The conversations, grouped by date, most recently active first, with infinite scrolling. */
export function ConversationList({ conversations, running, current, viewport }: Props) {
  const { rows, isLoading, hasMore, problem, loadMore, reload, change } = conversations
  const { ref, entry } = useIntersection({ root: viewport.current, rootMargin: '200px' })
  const now = useMinute()
  const isNearEnd = entry?.isIntersecting ?? false

  useEffect(() => {
    if (isNearEnd && !problem) loadMore()
  }, [isNearEnd, problem, loadMore])

  if (problem && rows.length === 0) return <ProblemAlert problem={problem} onRetry={reload} />
  if (isLoading && rows.length === 0) return <Placeholders />
  if (rows.length === 0) {
    return (
      <Text size="sm" c="dimmed" p="xs">
        No conversations yet
      </Text>
    )
  }
  return (
    <Stack gap="xs">
      {groupByDay(rows, ({ activeAt }) => activeAt, now).map((group) => (
        <section key={group.label} aria-label={group.label}>
          <h2 className={classes.groupLabel}>{group.label}</h2>
          <Stack component="ul" gap={2} m={0} p={0} style={{ listStyle: 'none' }}>
            {group.rows.map((row) => (
              <ConversationLink
                key={row.id}
                conversation={row}
                isCurrent={row.id === current}
                isRunning={running.has(row.id)}
                onRenamed={(title) => change((all) => all.map((one) => (one.id === row.id ? { ...one, title } : one)))}
                onDeleted={() => change((all) => all.filter((one) => one.id !== row.id))}
              />
            ))}
          </Stack>
        </section>
      ))}
      {hasMore && (
        <div ref={ref}>
          {isLoading ? (
            <Loader size="xs" m="sm" />
          ) : (
            <Button variant="subtle" size="xs" onClick={loadMore}>
              Show more
            </Button>
          )}
        </div>
      )}
    </Stack>
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

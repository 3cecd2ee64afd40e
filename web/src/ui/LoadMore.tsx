import { Button, Group, Text } from '@mantine/core'
import { countLabel } from '../format/numbers'
import type { Pages } from '../graphql/usePages'

type Props<T extends { id: string }> = {
  pages: Pages<T>
  noun: string
  plural?: string
}

/** The number of loaded rows, and a button that loads the next page. */
export function LoadMore<T extends { id: string }>({ pages, noun, plural }: Props<T>) {
  const { rows, total, isTotalExact, hasMore, isLoading, loadMore } = pages
  // A list that is filtered here may have none among the first.
  if (rows.length === 0 && !hasMore) return null
  return (
    <Group gap="sm">
      <Text size="sm" c="dimmed" role="status">
        {countLabel({
          shown: rows.length,
          total,
          hasMore,
          isCapped: !isTotalExact,
          noun,
          ...(plural !== undefined && { plural }),
        })}
      </Text>
      {hasMore && (
        <Button size="xs" variant="default" loading={isLoading} onClick={loadMore}>
          Show more
        </Button>
      )}
    </Group>
  )
}

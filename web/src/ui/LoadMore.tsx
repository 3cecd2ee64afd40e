import { Button, Group, Text } from '@mantine/core'
import { count, plural } from '../format/numbers'
import type { Pages } from '../graphql/usePages'

type Props<T extends { id: string }> = { pages: Pages<T>; what: string; many?: string }

/** How much of a list is shown, and more of it. */
export function LoadMore<T extends { id: string }>({ pages, what, many }: Props<T>) {
  const { rows, total, hasMore, isLoading, loadMore } = pages
  if (rows.length === 0) return null
  return (
    <Group gap="sm">
      <Text size="sm" c="dimmed" role="status">
        {total !== null && total > rows.length
          ? `${count(rows.length)} of ${plural(total, what, many)}`
          : plural(rows.length, what, many)}
        {total === null && hasMore && ' so far'}
      </Text>
      {hasMore && (
        <Button size="xs" variant="default" loading={isLoading} onClick={loadMore}>
          Show more
        </Button>
      )}
    </Group>
  )
}

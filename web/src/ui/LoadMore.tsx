import { Button, Group, Text } from '@mantine/core'
import { formatCount, pluralize } from '../format/numbers'
import type { Pages } from '../graphql/usePages'

type Props<T extends { id: string }> = { pages: Pages<T>; noun: string; plural?: string }

/** The number of loaded rows, and a button that loads the next page. */
export function LoadMore<T extends { id: string }>({ pages, noun, plural }: Props<T>) {
  const { rows, total, hasMore, isLoading, loadMore } = pages
  if (rows.length === 0) return null
  return (
    <Group gap="sm">
      <Text size="sm" c="dimmed" role="status">
        {total !== null && total > rows.length
          ? `${formatCount(rows.length)} of ${pluralize(total, noun, plural)}`
          : pluralize(rows.length, noun, plural)}
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

import { Button, Group, Text } from '@mantine/core'
import { countLabel } from '../format/numbers'
import type { Pages } from '../graphql/usePages'

type Props<T extends { id: string }> = {
  pages: Pages<T>
  noun: string
  plural?: string
  /** The largest count that the server returns; it may be more. */
  cap?: number | undefined
}

/** The number of loaded rows, and a button that loads the next page. */
export function LoadMore<T extends { id: string }>({ pages, noun, plural, cap }: Props<T>) {
  const { rows, total, hasMore, isLoading, loadMore } = pages
  if (rows.length === 0) return null
  const isCapped = cap !== undefined && total !== null && total >= cap
  return (
    <Group gap="sm">
      <Text size="sm" c="dimmed" role="status">
        {countLabel({ shown: rows.length, total, hasMore, isCapped, noun, ...(plural !== undefined && { plural }) })}
      </Text>
      {hasMore && (
        <Button size="xs" variant="default" loading={isLoading} onClick={loadMore}>
          Show more
        </Button>
      )}
    </Group>
  )
}

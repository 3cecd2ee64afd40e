import { Button, Text } from '@mantine/core'
import { formatCount } from '../format/numbers'
import type { Pages } from '../graphql/usePages'
import { MAX_BULK } from './bulkTarget'
import type { User } from './lists'

type Props = { pages: Pages<User>; selected: number; onSelect: () => void }

/** Offers all who match, once all rows that are shown are selected, and there are more. */
export function SelectMatching({ pages: { rows, total, isLoading }, selected, onSelect }: Props) {
  if (total === null || total <= rows.length || selected < rows.length) return null
  if (total > MAX_BULK) {
    return (
      <Text size="xs" c="dimmed">
        {formatCount(total)} match; at most {formatCount(MAX_BULK)} can be changed at once. Narrow the filters.
      </Text>
    )
  }
  return (
    <Button
      size="xs"
      variant="light"
      disabled={isLoading}
      onClick={(event) => {
        // This button goes away.
        event.currentTarget.closest<HTMLElement>('[role=region]')?.focus()
        onSelect()
      }}
    >
      Select all {formatCount(total)} that match
    </Button>
  )
}

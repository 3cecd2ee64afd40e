import { Skeleton, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import type { Pages } from '../graphql/usePages'
import { LoadMore } from './LoadMore'
import { ProblemAlert } from './ProblemAlert'
import { RowCards } from './RowCards'
import { WideTable } from './WideTable'
import { useIsPhone } from './useIsPhone'

/** The order of a list, by a header that is pressed. */
export type Sort = {
  direction: 'ascending' | 'descending' | null
  /** Sorts by this column, or in the other direction. */
  toggle: () => void
}

/** A column of a table. */
export type Column<T> = {
  header: string
  cell: (row: T) => ReactNode
  /** Aligns digits to the right. */
  isNumber?: boolean
  /** Whether it is the title of a card; otherwise the first column is. */
  isTitle?: boolean
  /** Makes the header a button. */
  sort?: Sort
}

/** The selected rows. */
export type Selection = { ids: ReadonlySet<string>; onChange: (ids: ReadonlySet<string>) => void }

/** How rows are shown, in a table or as cards. */
export type RowsView<T extends { id: string }> = {
  rows: readonly T[]
  isLoading: boolean
  columns: readonly Column<T>[]
  nameOf: (row: T) => string
  isDimmed: (row: T) => boolean
  selection?: Selection | undefined
}

type Props<T extends { id: string }> = {
  pages: Pages<T>
  columns: Column<T>[]
  /** The noun for a row, and its plural. */
  noun: string
  plural?: string
  /** Shown if there are no rows. */
  empty?: string
  minWidth?: number
  /** Returns the accessible name of a row. */
  nameOf?: (row: T) => string
  selection?: Selection
  /** Whether a row is dimmed. */
  isDimmed?: (row: T) => boolean
}

/** A paginated table, with its loading, empty and error states. Cards on narrow screens, instead of scrolling sideways. */
export function RowsTable<T extends { id: string }>(props: Props<T>) {
  const { pages, columns, noun, plural, empty = 'No results', minWidth = 640, selection } = props
  const { nameOf = (row: T) => row.id, isDimmed = () => false } = props
  const { rows, isLoading, hasMore, problem, reload } = pages
  const isPhone = useIsPhone()
  if (isLoading && rows.length === 0) return <Skeleton height={200} aria-label="Loading" />
  const view = { rows, isLoading, columns, nameOf, isDimmed, selection }
  return (
    <Stack gap="sm">
      {problem && <ProblemAlert problem={problem} onRetry={reload} />}
      {rows.length === 0 && !problem && !hasMore && <Text c="dimmed">{empty}</Text>}
      {rows.length > 0 && (isPhone ? <RowCards {...view} /> : <WideTable {...view} minWidth={minWidth} />)}
      <LoadMore pages={pages} noun={noun} {...(plural !== undefined && { plural })} />
    </Stack>
  )
}

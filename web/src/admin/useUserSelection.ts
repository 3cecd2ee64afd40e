import type { Client } from '@urql/core'
import { useState } from 'react'
import type { Pages } from '../graphql/usePages'
import { useSearchParam } from '../ui/useSearchParam'
import { MAX_BULK, selectMatching, selectRows, type BulkSelection } from './bulkTarget'
import { filterInput, type UserFilters } from './filters'
import type { User } from './lists'

const NONE: ReadonlySet<string> = new Set()

/** The selection of rows of the list of users, or of all who match its filters. Other filters select none. */
export function useUserSelection(client: Client, filters: UserFilters, pages: Pages<User>, isSettled: boolean) {
  const [selectParam, setSelectParam] = useSearchParam('select')
  const key = JSON.stringify(filterInput(filters))
  const [ids, setIds] = useState(NONE)
  // A link may select all who match its filters.
  const [allOf, setAllOf] = useState(selectParam === 'all' ? key : null)
  const { rows, total } = pages
  const isFiltered = Object.values(filterInput(filters)).some((value) => value !== null)
  const isAllowed = isSettled && total !== null && total > 0 && total <= MAX_BULK
  const isAll = isAllowed && allOf === key
  // Rows that are not shown any more are not selected.
  const selected = rows.filter(({ id }) => ids.has(id))

  const leaveAll = () => {
    setAllOf(null)
    if (selectParam !== null) setSelectParam(null)
  }
  const selection: BulkSelection | null = isAll
    ? selectMatching(client, filters, total)
    : selected.length > 0
      ? selectRows(selected)
      : null
  return {
    selection,
    isAll,
    /** All who match, if there are filters, and not too many match. */
    matching: isAllowed && isFiltered ? selectMatching(client, filters, total) : null,
    ids: isAll ? new Set(rows.map(({ id }) => id)) : new Set(selected.map(({ id }) => id)),
    select: (changed: ReadonlySet<string>) => {
      leaveAll()
      setIds(changed)
    },
    selectAll: () => {
      setIds(NONE)
      setAllOf(key)
    },
    clear: () => {
      leaveAll()
      setIds(NONE)
    },
  }
}

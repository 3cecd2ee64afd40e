import { useEffect, useState } from 'react'
import { useStore } from '../store/useStore'
import { PagedList, type ListState, type LoadPage } from './pagedList'

/** The state of a paginated list, with its actions. */
export type Pages<T extends { id: string }> = ListState<T> &
  Pick<PagedList<T>, 'loadMore' | 'reload' | 'change' | 'remove'>

/** Loads a connection page by page. A new `load` starts over, so memoize it by the filters. */
export function usePages<T extends { id: string }>(load: LoadPage<T>): Pages<T> {
  const [list] = useState(() => new PagedList<T>())
  useEffect(() => {
    list.start(load)
    return () => list.stop()
  }, [list, load])
  const state = useStore(list)
  const { loadMore, reload, change, remove } = list
  return { ...state, loadMore, reload, change, remove }
}

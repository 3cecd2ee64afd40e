import { Store } from '../store/store'
import { asProblem, type Problem } from './problem'

/** A page of a connection. */
export type Page<T> = {
  nodes: T[]
  pageInfo: { endCursor: string | null; hasNextPage: boolean }
  totalCount?: number | null
  totalIsExact?: boolean
}

/** The page of a connection that is null. */
export const EMPTY_PAGE = { nodes: [], pageInfo: { endCursor: null, hasNextPage: false } }

/** Loads the page after a cursor; null for the first page. */
export type LoadPage<T> = (after: string | null) => Promise<Page<T>>

/** The state of a paginated list. */
export type ListState<T> = {
  rows: T[]
  /** The total count; null if the query does not select it. */
  total: number | null
  /** Whether there are not more than the total count. */
  isTotalExact: boolean
  isLoading: boolean
  hasMore: boolean
  problem: Problem | null
}

/** A connection that is loaded page by page. Responses to outdated requests are dropped. */
export class PagedList<T extends { id: string }> extends Store<ListState<T>> {
  private load: LoadPage<T> = () => Promise.resolve(EMPTY_PAGE)
  private cursor: string | null = null
  private latestRequest = 0
  /** Changes since the request in flight, whose response may not have them. */
  private changes: ((rows: T[]) => T[])[] = []

  constructor() {
    super({ rows: [], total: null, isTotalExact: true, isLoading: true, hasMore: false, problem: null })
  }

  /** Starts over with another query; the rows stay until its first page is loaded. */
  start(load: LoadPage<T>): void {
    this.load = load
    void this.loadPage(null)
  }

  readonly reload = (): void => void this.loadPage(null)

  readonly loadMore = (): void => {
    if (!this.state.isLoading && this.state.hasMore) void this.loadPage(this.cursor)
  }

  /** Changes the loaded rows locally, and those of a response that is on its way: twice must be the same as once. */
  readonly change = (edit: (rows: T[]) => T[]): void => {
    if (this.state.isLoading) this.changes.push(edit)
    this.patchState({ rows: edit(this.state.rows) })
  }

  /** Removes deleted rows locally, and loads the next page if none is left. */
  readonly remove = (ids: ReadonlySet<string>): void => {
    const { rows, total } = this.state
    const remaining = rows.filter((row) => !ids.has(row.id))
    this.patchState({ rows: remaining, total: total === null ? null : total - (rows.length - remaining.length) })
    if (remaining.length === 0) this.loadMore()
  }

  /** Drops the response to the request in flight. */
  stop(): void {
    this.latestRequest++
  }

  private async loadPage(after: string | null): Promise<void> {
    const request = ++this.latestRequest
    this.changes = []
    this.patchState({ isLoading: true, problem: null })
    try {
      const { nodes, pageInfo, totalCount, totalIsExact } = await this.load(after)
      if (request !== this.latestRequest) return
      this.cursor = pageInfo.endCursor
      const rows = after === null ? nodes : dedupeById([...this.state.rows, ...nodes])
      this.patchState({
        rows: this.changes.reduce((changed, edit) => edit(changed), rows),
        total: totalCount ?? null,
        isTotalExact: totalIsExact ?? true,
        hasMore: pageInfo.hasNextPage,
        isLoading: false,
      })
    } catch (thrown) {
      if (request === this.latestRequest) this.patchState({ isLoading: false, problem: asProblem(thrown) })
    }
  }
}

/** A row that moved to the top between two requests is in both pages. */
function dedupeById<T extends { id: string }>(rows: T[]): T[] {
  return [...new Map(rows.map((row) => [row.id, row])).values()]
}

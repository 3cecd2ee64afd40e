import { Store } from '../store/store'
import { asProblem, type Problem } from './problem'

/** One page of a connection. */
export type Page<T> = {
  nodes: T[]
  pageInfo: { endCursor: string | null; hasNextPage: boolean }
  totalCount?: number | null
}

/** For a connection that came back null. */
export const NO_PAGE = { nodes: [], pageInfo: { endCursor: null, hasNextPage: false } }

export type LoadPage<T> = (after: string | null) => Promise<Page<T>>

export type ListState<T> = {
  rows: T[]
  /** How many there are in all; null where it was not asked for. */
  total: number | null
  isLoading: boolean
  hasMore: boolean
  problem: Problem | null
}

/** A list that grows page by page. Answers to what is not asked any more are dropped. */
export class PagedList<T extends { id: string }> extends Store<ListState<T>> {
  private load: LoadPage<T> = () => Promise.resolve(NO_PAGE)
  private cursor: string | null = null
  private asked = 0

  constructor() {
    super({ rows: [], total: null, isLoading: true, hasMore: false, problem: null })
  }

  /** Starts over with another question; the rows stay until its first page has come. */
  start(load: LoadPage<T>): void {
    this.load = load
    void this.page(null)
  }

  readonly reload = (): void => void this.page(null)

  readonly loadMore = (): void => {
    if (!this.state.isLoading && this.state.hasMore) void this.page(this.cursor)
  }

  /** Changes what is loaded, without asking the server. */
  readonly change = (edit: (rows: T[]) => T[]): void => this.patchState({ rows: edit(this.state.rows) })

  /** Takes out what is gone, without asking the server for the rest. */
  readonly remove = (ids: ReadonlySet<string>): void => {
    const { rows, total } = this.state
    const left = rows.filter((row) => !ids.has(row.id))
    this.patchState({ rows: left, total: total === null ? null : total - (rows.length - left.length) })
    if (left.length === 0) this.loadMore()
  }

  /** Nobody looks any more. */
  stop(): void {
    this.asked++
  }

  private async page(after: string | null): Promise<void> {
    const mine = ++this.asked
    this.patchState({ isLoading: true, problem: null })
    try {
      const { nodes, pageInfo, totalCount } = await this.load(after)
      if (mine !== this.asked) return
      this.cursor = pageInfo.endCursor
      this.patchState({
        rows: after === null ? nodes : dedupeById([...this.state.rows, ...nodes]),
        total: totalCount ?? null,
        hasMore: pageInfo.hasNextPage,
        isLoading: false,
      })
    } catch (thrown) {
      if (mine === this.asked) this.patchState({ isLoading: false, problem: asProblem(thrown) })
    }
  }
}

/** What moved to the top while the list grew may come twice. */
function dedupeById<T extends { id: string }>(rows: T[]): T[] {
  return [...new Map(rows.map((row) => [row.id, row])).values()]
}

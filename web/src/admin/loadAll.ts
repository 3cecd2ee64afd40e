import type { LoadPage } from '../graphql/pagedList'

/** Loads all pages of a list. Rows that move between two pages are there once. */
export async function loadAll<T extends { id: string }>(load: LoadPage<T>): Promise<T[]> {
  const rows = new Map<string, T>()
  let after: string | null = null
  for (;;) {
    const { nodes, pageInfo } = await load(after)
    for (const row of nodes) rows.set(row.id, row)
    if (!pageInfo.hasNextPage || pageInfo.endCursor === null) return [...rows.values()]
    after = pageInfo.endCursor
  }
}

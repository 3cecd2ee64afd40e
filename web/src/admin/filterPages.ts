import type { LoadPage, Page } from '../graphql/pagedList'

/** The number of pages that are read for one page of results. */
const MAX_PAGES = 20

/** Loads rows by a filter that the API does not have: reads on until a page has some. The total count is unknown. */
export async function filterPages<T>(
  load: LoadPage<T>,
  after: string | null,
  matches: (row: T) => boolean,
): Promise<Page<T>> {
  let cursor = after
  const nodes: T[] = []
  let hasNextPage = true
  for (let read = 0; read < MAX_PAGES && hasNextPage && nodes.length === 0; read++) {
    const page = await load(cursor)
    nodes.push(...page.nodes.filter(matches))
    cursor = page.pageInfo.endCursor
    hasNextPage = page.pageInfo.hasNextPage
  }
  return { nodes, pageInfo: { endCursor: cursor, hasNextPage }, totalCount: null }
}

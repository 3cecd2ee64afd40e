import { useCallback } from 'react'
import { ConversationsDocument } from '../../gql/chat'
import { query } from '../../graphql/client'
import { EMPTY_PAGE } from '../../graphql/pagedList'
import { usePages, type Pages } from '../../graphql/usePages'
import { useViewer } from '../../session/context'
import type { ChangeFeed } from './changeFeed'
import { applyToRows, withRow, type ConversationFilter, type ConversationRow } from './conversationRows'
import { useChanges } from './useChanges'

const PAGE = 30

/** A list of conversations. */
export type Conversations = Pages<ConversationRow> & {
  /** Puts a conversation that was changed here in its place, or takes it out. */
  update: (changed: ConversationRow) => void
}

/** Loads a list of conversations, and keeps it as it is on the server. The filter must be a constant. */
export function useConversationList(feed: ChangeFeed | null, filter: ConversationFilter): Conversations {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) =>
      (await query(client, ConversationsDocument, { first: PAGE, after, ...filter })).conversations ?? EMPTY_PAGE,
    [client, filter],
  )
  const pages = usePages(load)
  const { reload, change: changeRows, hasMore } = pages
  useChanges(feed, (change) => {
    if (change.kind === 'RELOAD') reload()
    else changeRows((rows) => applyToRows(rows, change, filter, !hasMore))
  })
  return { ...pages, update: (changed) => changeRows((rows) => withRow(rows, changed, filter, !hasMore)) }
}

import { useEffect, useState } from 'react'
import type { Client } from '@urql/core'
import { ChatDocument, ThreadDocument, ThreadOutlineDocument, type ThreadOutlineQuery } from '../../gql/chat'
import { query } from '../../graphql/client'
import { withSmallerPages } from '../../graphql/smallerPages'
import { useViewer } from '../../session/context'
import { useStore } from '../../store/useStore'
import type { ChatOutline, Outline } from './outline'
import { ThreadStore, type ThreadSource, type ThreadState } from './threadStore'

const PAGE = 50

/** The maximum number of rows that the server sends at once. */
const MAX_PAGE = 100

/** Milliseconds between renders of a reply in progress. */
const PAINT_INTERVAL = 40

type OnEvent = ThreadSource['onEvent']

/** Opens the thread of a conversation while the component is mounted. The conversation must not change. */
export function useThread(conversationId: string, onEvent: OnEvent): { store: ThreadStore; state: ThreadState } {
  const { client, socket } = useViewer()
  const [store] = useState(
    () => new ThreadStore({ ...threadQueries(client, conversationId), socket, schedule, onEvent }),
  )
  useEffect(() => {
    void store.open()
    return () => store.close()
  }, [store])
  return { store, state: useStore(store) }
}

function threadQueries(client: Client, conversationId: string): Pick<ThreadSource, 'load' | 'chat' | 'outline'> {
  return {
    load: async (after) => {
      // Thoughts may be long.
      const { conversation } = await withSmallerPages(PAGE, (first) =>
        query(client, ThreadDocument, { id: conversationId, first, after }),
      )
      return conversation?.chats ?? null
    },
    chat: async (id) => (await query(client, ChatDocument, { id })).chat,
    outline: (count) => loadOutline(client, conversationId, count),
  }
}

async function loadOutline(client: Client, id: string, count: number): Promise<Outline | null> {
  const nodes: ChatOutline[] = []
  let after: string | null = null
  for (;;) {
    const first = Math.min(MAX_PAGE, count - nodes.length)
    const data: ThreadOutlineQuery = await query(client, ThreadOutlineDocument, { id, first, after })
    const page = data.conversation?.chats
    if (!page) return null
    nodes.push(...page.nodes)
    const { endCursor, hasNextPage } = page.pageInfo
    if (!hasNextPage || nodes.length >= count) return { nodes, hasEarlier: hasNextPage }
    after = endCursor
  }
}

function schedule(work: () => void): () => void {
  const timer = setTimeout(work, PAINT_INTERVAL)
  return () => clearTimeout(timer)
}

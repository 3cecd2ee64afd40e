import { useEffect, useState } from 'react'
import type { Client } from '@urql/core'
import { ChatDocument, ThreadDocument } from '../../gql/chat'
import { query } from '../../graphql/client'
import { useViewer } from '../../session/context'
import { useStore } from '../../store/useStore'
import { ThreadStore, type ThreadSource, type ThreadState } from './threadStore'

const PAGE = 50

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

function threadQueries(client: Client, conversationId: string): Pick<ThreadSource, 'load' | 'chat'> {
  return {
    load: async (after) => {
      const { conversation } = await query(client, ThreadDocument, { id: conversationId, first: PAGE, after })
      return conversation?.chats ?? null
    },
    chat: async (id) => (await query(client, ChatDocument, { id })).chat,
  }
}

function schedule(work: () => void): () => void {
  const timer = setTimeout(work, PAINT_INTERVAL)
  return () => clearTimeout(timer)
}

import { useCallback, type RefObject } from 'react'
import { ChatDocument, ChooseVersionDocument } from '../../gql/chat'
import { mutate, query } from '../../graphql/client'
import { withNetworkRetry } from '../../graphql/retry'
import { useViewer } from '../../session/context'
import { showVersion } from './showVersion'
import type { ThreadStore } from './threadStore'

type Options = {
  store: ThreadStore
  scroller: RefObject<HTMLElement | null>
  letGo: () => void
}

/** Returns functions that bring a version into the thread, with what was said after it. */
export function useChooseVersion({ store, scroller, letGo }: Options) {
  const { client } = useViewer()

  const request = useCallback(
    async (chatId: string) => {
      // Choosing it twice is no different from once.
      await withNetworkRetry(() => mutate(client, ChooseVersionDocument, { input: { chatId } }))
    },
    [client],
  )

  /** Chooses another version of a chat that is shown, and keeps it where it was. */
  const choose = useCallback(
    async (id: string, from: string) => {
      const before = topOf(from)
      await request(id)
      letGo()
      await store.refresh()
      await nextFrame()
      const after = topOf(id)
      if (before !== null && after !== null) scroller.current?.scrollBy(0, after - before)
    },
    [request, store, scroller, letGo],
  )

  /** Brings any chat of the conversation into the thread. */
  const show = useCallback(
    async (id: string) => {
      const chat = async (other: string) => (await query(client, ChatDocument, { id: other })).chat
      await showVersion(id, { choose: request, chat })
      await store.refresh()
    },
    [client, request, store],
  )

  return { choose, show }
}

function topOf(id: string): number | null {
  return document.getElementById(id)?.getBoundingClientRect().top ?? null
}

function nextFrame(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => resolve()))
}

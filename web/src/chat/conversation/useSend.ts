import { useCallback, useRef, useState } from 'react'
import { StartMessageDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { asProblem } from '../../graphql/problem'
import { IdempotentRequest, withNetworkRetry } from '../../graphql/retry'
import { useViewer } from '../../session/context'
import { notifyProblem } from '../../ui/confirm'
import type { Chat } from '../chat'
import { withShortage } from '../composer/estimate'
import type { OutgoingMessage } from '../composer/outbox'
import type { ThreadStore } from '../thread/threadStore'

/** Returns functions that send messages of a conversation, and the id of the chat that was sent last. */
export function useSend(conversationId: string, store: ThreadStore) {
  const { client } = useViewer()
  const [sentId, setSentId] = useState<string | null>(null)
  const request = useRef(new IdempotentRequest())

  /** Throws if the message is rejected. */
  const send = useCallback(
    async ({ message, model, idempotencyKey }: OutgoingMessage) => {
      const input = { message, model, idempotencyKey, conversationId }
      const { chat } = await withNetworkRetry(() => mutate(client, StartMessageDocument, { input }))
      if (!chat) return
      store.upsert(chat)
      setSentId(chat.id)
    },
    [client, conversationId, store],
  )

  /** Sends a message that the user has not typed. */
  const sendReady = useCallback(
    async (message: string, model: string) => {
      try {
        await request.current.run([message, model], (idempotencyKey) => send({ message, model, idempotencyKey }))
      } catch (thrown) {
        notifyProblem(withShortage(asProblem(thrown)))
      }
    },
    [send],
  )

  /** Shows a chat that was sent in place of another one. */
  const replace = useCallback(
    (replacedId: string, chat: Chat) => {
      store.replace(replacedId, chat)
      setSentId(chat.id)
    },
    [store],
  )

  return { send, sendReady, replace, sentId }
}

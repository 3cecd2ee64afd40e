import { useState } from 'react'
import { StopMessageDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { withNetworkRetry } from '../../graphql/retry'
import { useViewer } from '../../session/context'
import { notifyProblem } from '../../ui/confirm'
import type { Chat } from '../chat'

/** Returns a function that stops the pending answers. Their text so far is kept and charged. */
export function useStop(pending: readonly Chat[], onStopped: (chat: Chat) => void) {
  const { client } = useViewer()
  const [isStopping, setStopping] = useState(false)

  const stop = async () => {
    setStopping(true)
    try {
      for (const { id } of pending) {
        const { chat } = await withNetworkRetry(() => mutate(client, StopMessageDocument, { input: { chatId: id } }))
        if (chat) onStopped(chat)
      }
    } catch (thrown) {
      notifyProblem(thrown)
    }
    setStopping(false)
  }

  return { stop, isStopping }
}

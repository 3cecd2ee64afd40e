import { useEffect, useState } from 'react'
import { EstimateMessageDocument } from '../../gql/chat'
import { query } from '../../graphql/client'
import { useViewer } from '../../session/context'
import type { Estimate } from './estimate'

/** Milliseconds without a change after which a message is estimated. */
const DELAY = 400

/** A message to estimate, and what the context depends on. */
export type EstimateRequest = {
  message: string
  model: string
  conversationId?: string | undefined
  replacesId?: string
  /** Changes when the conversation has other chats. */
  context?: string | undefined
}

/**
 * Returns what a message would cost by now; null while that is unknown. An estimate of another text is never returned,
 * since the message may cost more than that.
 */
export function useEstimate(request: EstimateRequest | null): Estimate | null {
  const { client } = useViewer()
  const [estimated, setEstimated] = useState<{ key: string; estimate: Estimate | null } | null>(null)
  const key = request && JSON.stringify(request)

  useEffect(() => {
    if (key === null) return
    let isCurrent = true
    const timer = setTimeout(() => {
      const { message, model, conversationId, replacesId } = JSON.parse(key) as EstimateRequest
      const input = { message, model, conversationId, replacesId }
      query(client, EstimateMessageDocument, { input })
        .then(({ estimateMessage }) => {
          if (isCurrent) setEstimated({ key, estimate: estimateMessage })
        })
        // The price is shown in any case.
        .catch(() => undefined)
    }, DELAY)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [key, client])

  return estimated !== null && estimated.key === key ? estimated.estimate : null
}

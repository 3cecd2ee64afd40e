import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { StopMessageDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { withNetworkRetry } from '../../graphql/retry'
import { useViewer } from '../../session/context'
import { notifyProblem } from '../../ui/confirm'
import type { Chat } from '../chat'
import { isEscapeTaken } from './keys'

/**
 * Returns a function that stops the pending answers, which Escape calls, too, wherever the focus is. Their text so far is
 * kept and charged.
 */
export function useStop(pending: readonly Chat[], onStopped: (chat: Chat) => void) {
  const { client } = useViewer()
  const [isStopping, setStopping] = useState(false)
  const isRunning = useRef(false)

  const stop = async () => {
    if (isRunning.current) return
    isRunning.current = true
    setStopping(true)
    try {
      for (const { id } of pending) {
        const { chat } = await withNetworkRetry(() => mutate(client, StopMessageDocument, { input: { chatId: id } }))
        if (chat) onStopped(chat)
      }
    } catch (thrown) {
      notifyProblem(thrown)
    }
    isRunning.current = false
    setStopping(false)
  }

  const onEscape = useEffectEvent((event: KeyboardEvent) => {
    if (event.key !== 'Escape' || event.shiftKey || pending.length === 0 || isEscapeTaken(event)) return
    event.preventDefault()
    void stop()
  })

  useEffect(() => {
    const listener = (event: KeyboardEvent) => onEscape(event)
    // In the capturing phase, before a component closes what it is to close by this key.
    document.addEventListener('keydown', listener, { capture: true })
    return () => document.removeEventListener('keydown', listener, { capture: true })
  }, [])

  return { stop, isStopping }
}

import { Text } from '@mantine/core'
import { modals } from '@mantine/modals'
import { useRef, useState } from 'react'
import { RegenerateDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { IdempotentRequest, withNetworkRetry } from '../../graphql/retry'
import { useViewer } from '../../session/context'
import { notifyProblem } from '../../ui/confirm'
import type { Chat } from '../chat'

/** Returns a function that regenerates an answer, after a confirmation if that replaces later messages. */
export function useRegenerate(chat: Chat, isLast: boolean, onReplaced: (by: Chat) => void) {
  const { client } = useViewer()
  const [isBusy, setBusy] = useState(false)
  const request = useRef(new IdempotentRequest())

  const run = async () => {
    setBusy(true)
    try {
      const { chat: by } = await request.current.run([chat.id], (idempotencyKey) =>
        withNetworkRetry(() => mutate(client, RegenerateDocument, { input: { chatId: chat.id, idempotencyKey } })),
      )
      if (by) onReplaced(by)
    } catch (thrown) {
      notifyProblem(thrown)
    }
    setBusy(false)
  }

  const regenerate = () => {
    if (isLast) {
      void run()
      return
    }
    modals.openConfirmModal({
      title: 'Regenerate this answer?',
      children: <Text size="sm">Later messages move to an earlier version, which stays here to read.</Text>,
      labels: { confirm: 'Regenerate', cancel: 'Cancel' },
      closeButtonProps: { 'aria-label': 'Close' },
      onConfirm: () => void run(),
    })
  }

  return { regenerate, isBusy }
}

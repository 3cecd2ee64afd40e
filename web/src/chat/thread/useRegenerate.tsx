import { Text } from '@mantine/core'
import { modals } from '@mantine/modals'
import { useRef, useState } from 'react'
import { EditMessageDocument, RegenerateDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { asProblem } from '../../graphql/problem'
import { IdempotentRequest, withNetworkRetry } from '../../graphql/retry'
import { useViewer } from '../../session/context'
import { notifyProblem } from '../../ui/confirm'
import type { Chat } from '../chat'
import { withShortage } from '../composer/estimate'
import type { ThreadItem } from './thread'

/** Returns a function that regenerates an answer by a model, after a confirmation if that replaces later messages. */
export function useRegenerate({ chat, target, hasLater }: ThreadItem, onReplaced: (by: Chat) => void) {
  const { client } = useViewer()
  const [isBusy, setBusy] = useState(false)
  const request = useRef(new IdempotentRequest())

  const send = async (model: string, idempotencyKey: string) => {
    const input = { chatId: target.id, model, idempotencyKey }
    const { message } = chat
    // An edited message whose answer failed: the version that has returned has another text.
    return target.message === message
      ? mutate(client, RegenerateDocument, { input })
      : mutate(client, EditMessageDocument, { input: { ...input, message } })
  }

  const run = async (model: string) => {
    setBusy(true)
    try {
      const { chat: by } = await request.current.run([target.id, model], (idempotencyKey) =>
        withNetworkRetry(() => send(model, idempotencyKey)),
      )
      if (by) onReplaced(by)
    } catch (thrown) {
      notifyProblem(withShortage(asProblem(thrown)))
    }
    setBusy(false)
  }

  const regenerate = (model: string) => {
    if (!hasLater) {
      void run(model)
      return
    }
    modals.openConfirmModal({
      title: 'Regenerate this answer?',
      children: <Text size="sm">{LATER_MESSAGES}</Text>,
      labels: { confirm: 'Regenerate', cancel: 'Cancel' },
      closeButtonProps: { 'aria-label': 'Close' },
      onConfirm: () => void run(model),
    })
  }

  return { regenerate, isBusy }
}

/** What a new version of a message does to those after it. */
export const LATER_MESSAGES = 'Later messages move to another version; you can switch back.'

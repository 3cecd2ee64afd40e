import { Button, Tooltip } from '@mantine/core'
import { useState } from 'react'
import { formatPrice } from '../../format/prices'
import type { Chat } from '../chat'
import { useLimits } from '../composer/useLimits'
import { priceOf, type Model } from '../models/useModels'
import { continueMessage } from './continueMessage'

/** Sends a message to a model. Shows a problem itself. */
export type OnContinue = (message: string, model: string) => Promise<void>

type Props = { chat: Chat; models: readonly Model[]; model: string; onContinue: OnContinue }

/** A button that has a stopped or cut answer continued, as the next message. */
export function ContinueButton({ chat, models, model, onContinue }: Props) {
  const [isBusy, setBusy] = useState(false)
  const message = continueMessage(chat, useLimits().message)
  const price = priceOf(models, model)
  if (message === null) return null

  const send = async () => {
    setBusy(true)
    await onContinue(message, model)
    setBusy(false)
  }

  return (
    <Tooltip label={price && `Sends a message · ${formatPrice(price)}`} disabled={!price}>
      <Button size="compact-xs" variant="default" loading={isBusy} onClick={() => void send()}>
        Continue
      </Button>
    </Tooltip>
  )
}

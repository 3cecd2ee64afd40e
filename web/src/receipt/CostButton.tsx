import { UnstyledButton } from '@mantine/core'
import { useRef } from 'react'
import { formatTokens } from '../format/prices'
import { useViewer } from '../session/context'
import { openReceipt } from './openReceipt'
import classes from './receipt.module.css'

type Props = {
  chat: { id: string; cost: number }
  /** Called before the receipt opens. Returns what has the focus after it; the button itself if it is omitted. */
  onOpen?: () => HTMLElement | null
}

/** The cost of a message, as a button that opens its receipt. */
export function CostButton({ chat, onOpen }: Props) {
  const { client } = useViewer()
  const button = useRef<HTMLButtonElement>(null)
  const cost = formatTokens(chat.cost)
  return (
    <UnstyledButton
      ref={button}
      className={classes.cost}
      aria-haspopup="dialog"
      aria-label={`${cost}: show the receipt`}
      onClick={() => openReceipt(client, chat.id, onOpen ? onOpen() : button.current)}
    >
      {cost}
    </UnstyledButton>
  )
}

import { ActionIcon, Popover, Tooltip } from '@mantine/core'
import { IconInfoCircle } from '@tabler/icons-react'
import { lazy, Suspense, useRef, useState } from 'react'
import type { Chat } from '../chat'

const AnswerDetailsList = lazy(() => import('./AnswerDetailsList'))

/** A button that shows when an answer was made, how long it took, and what it cost. */
export function AnswerDetails({ chat }: { chat: Chat }) {
  const [isOpen, setOpen] = useState(false)
  const button = useRef<HTMLButtonElement>(null)

  // The receipt takes the place of the details.
  const leave = () => {
    setOpen(false)
    return button.current
  }

  return (
    <Popover opened={isOpen} onChange={setOpen} position="top-start" shadow="md" trapFocus returnFocus withinPortal>
      <Popover.Target>
        <Tooltip label="Details" disabled={isOpen}>
          <ActionIcon
            ref={button}
            variant="subtle"
            color="gray"
            size="sm"
            aria-label="Details of the answer"
            onClick={() => setOpen(!isOpen)}
          >
            <IconInfoCircle size={15} />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown tabIndex={-1} aria-label="Details of the answer" maw="min(24rem, 92vw)">
        <Suspense>
          <AnswerDetailsList chat={chat} onLeave={leave} />
        </Suspense>
      </Popover.Dropdown>
    </Popover>
  )
}

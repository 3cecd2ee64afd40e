import { ActionIcon, Popover, Tooltip } from '@mantine/core'
import { IconInfoCircle } from '@tabler/icons-react'
import { useState } from 'react'
import { useQuery } from 'urql'
import { ModelsDocument } from '../../gql/chat'
import { DescriptionList } from '../../ui/DescriptionList'
import type { Chat } from '../chat'
import { answerDetails } from './answerDetails'

/** A button that shows when an answer was made, how long it took, and what it cost. */
export function AnswerDetails({ chat }: { chat: Chat }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <Popover opened={isOpen} onChange={setOpen} position="top-start" shadow="md" trapFocus returnFocus withinPortal>
      <Popover.Target>
        <Tooltip label="Details" disabled={isOpen}>
          <ActionIcon
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
        <Details chat={chat} />
      </Popover.Dropdown>
    </Popover>
  )
}

function Details({ chat }: { chat: Chat }) {
  const [{ data }] = useQuery({ query: ModelsDocument })
  const price = data?.models.find(({ name }) => name === chat.model)?.price ?? null
  return <DescriptionList items={answerDetails(chat, price)} />
}

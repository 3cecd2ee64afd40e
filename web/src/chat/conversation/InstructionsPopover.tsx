import { ActionIcon, Popover, Text, Tooltip } from '@mantine/core'
import { IconAdjustments } from '@tabler/icons-react'
import { useState } from 'react'

/** A button that shows the system prompt of a conversation. */
export function InstructionsPopover({ text }: { text: string }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-end" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Tooltip label="Instructions" disabled={isOpen}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            aria-label="Instructions of this chat"
            onClick={() => setOpen(!isOpen)}
          >
            <IconAdjustments size={18} />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown tabIndex={-1} aria-label="Instructions of this chat" maw="min(24rem, 92vw)">
        <Text size="sm" dir="auto" style={{ whiteSpace: 'pre-wrap', maxHeight: '40dvh', overflowY: 'auto' }}>
          {text}
        </Text>
      </Popover.Dropdown>
    </Popover>
  )
}

import { Button, Popover, Text } from '@mantine/core'
import { IconInfoCircle } from '@tabler/icons-react'
import type { ConversationQuery } from '../../gql/chat'
import classes from '../chat.module.css'

/** The system prompt of a conversation; nothing if there is none. */
export function ConversationSettings({
  conversation,
}: {
  conversation: NonNullable<ConversationQuery['conversation']>
}) {
  if (!conversation.systemPrompt) return null
  return (
    <div className={classes.column}>
      <Popover position="bottom-start" width={360} shadow="md" trapFocus>
        <Popover.Target>
          <Button variant="subtle" color="gray" size="compact-sm" mt={6} leftSection={<IconInfoCircle size={16} />}>
            This chat has instructions
          </Button>
        </Popover.Target>
        <Popover.Dropdown tabIndex={-1} aria-label="Instructions of this chat">
          <Text size="sm" style={{ whiteSpace: 'pre-wrap', maxHeight: '40dvh', overflowY: 'auto' }}>
            {conversation.systemPrompt}
          </Text>
        </Popover.Dropdown>
      </Popover>
    </div>
  )
}

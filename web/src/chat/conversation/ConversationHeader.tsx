import { ActionIcon, Badge, Group, Menu, Text, Title, Tooltip, UnstyledButton } from '@mantine/core'
import { IconDots, IconKeyboard } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import type { Chat, OpenConversation } from '../chat'
import page from '../chat.module.css'
import { RenameForm } from '../sidebar/RenameForm'
import classes from './conversation.module.css'
import { ConversationMenu } from './ConversationMenu'
import { formatSpent } from './formatSpent'
import { InstructionsButton } from './InstructionsButton'
import { useConversationActions } from './useConversationActions'

type Props = {
  conversation: OpenConversation
  chats: readonly Chat[]
  hasEarlier: boolean
  /** Called after the conversation is changed or deleted. */
  onChanged: () => void
  onHelp: () => void
}

/** The title of a conversation, what it has cost, and its actions. */
export function ConversationHeader({ conversation, chats, hasEarlier, onChanged, onHelp }: Props) {
  const actions = useConversationActions(conversation, true, onChanged)
  const { title } = actions
  const [isRenaming, setRenaming] = useState(false)
  const titleButton = useRef<HTMLButtonElement>(null)
  const wasRenaming = useRef(false)

  // The form takes the focus with it, unless the user has moved it elsewhere.
  useEffect(() => {
    if (wasRenaming.current && !isRenaming && document.activeElement === document.body) titleButton.current?.focus()
    wasRenaming.current = isRenaming
  }, [isRenaming])

  return (
    <header className={classes.header}>
      <Group className={page.column} gap="xs" wrap="nowrap" py={4}>
        {isRenaming ? (
          <div className={classes.title}>
            <RenameForm
              conversation={conversation}
              onDone={(renamed) => {
                setRenaming(false)
                if (renamed !== null) onChanged()
              }}
            />
          </div>
        ) : (
          <Title order={1} className={classes.title} dir="auto">
            <Tooltip label="Rename" openDelay={400}>
              <UnstyledButton ref={titleButton} className={classes.titleButton} onClick={() => setRenaming(true)}>
                {title}
              </UnstyledButton>
            </Tooltip>
          </Title>
        )}
        <Text size="xs" c="dimmed" className={classes.spent}>
          {formatSpent(chats, hasEarlier)}
        </Text>
        {conversation.archived && (
          <Badge size="sm" color="gray" variant="light" tt="none" flex="none">
            Archived
          </Badge>
        )}
        <InstructionsButton conversation={conversation} />
        <ConversationMenu
          conversation={conversation}
          actions={actions}
          onRename={() => setRenaming(true)}
          target={
            <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Menu of this chat">
              <IconDots size={18} />
            </ActionIcon>
          }
        >
          <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={onHelp}>
            Keyboard shortcuts
          </Menu.Item>
        </ConversationMenu>
      </Group>
    </header>
  )
}

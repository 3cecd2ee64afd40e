import { ActionIcon, Group, Menu, Text, Title, Tooltip, UnstyledButton } from '@mantine/core'
import { IconDots, IconKeyboard, IconPencil, IconTrash } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import { useNavigate } from 'react-router'
import { DeleteConversationDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { useViewer } from '../../session/context'
import { confirmDanger } from '../../ui/confirm'
import type { Chat, Conversation } from '../chat'
import page from '../chat.module.css'
import { RenameForm } from '../sidebar/RenameForm'
import classes from './conversation.module.css'
import { formatSpent } from './formatSpent'
import { InstructionsButton } from './InstructionsButton'

type Props = {
  conversation: Conversation
  chats: readonly Chat[]
  hasEarlier: boolean
  /** Called after the conversation is renamed or deleted. */
  onChanged: () => void
  onHelp: () => void
}

/** The title of a conversation, what it has cost, and its actions. */
export function ConversationHeader({ conversation, chats, hasEarlier, onChanged, onHelp }: Props) {
  const { client } = useViewer()
  const navigate = useNavigate()
  const [isRenaming, setRenaming] = useState(false)
  const titleButton = useRef<HTMLButtonElement>(null)
  const wasRenaming = useRef(false)
  const title = conversation.title || 'New chat'

  // The form takes the focus with it, unless the user has moved it elsewhere.
  useEffect(() => {
    if (wasRenaming.current && !isRenaming && document.activeElement === document.body) titleButton.current?.focus()
    wasRenaming.current = isRenaming
  }, [isRenaming])

  const remove = () =>
    confirmDanger({
      title: 'Delete this chat?',
      text: `Deletes “${title}” and its messages. Charges stay in your history.`,
      confirm: 'Delete',
      run: async () => {
        await mutate(client, DeleteConversationDocument, { input: { conversationId: conversation.id } })
        onChanged()
        void navigate('/')
      },
    })

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
        <InstructionsButton conversation={conversation} />
        <Menu position="bottom-end" withinPortal>
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Menu of this chat">
              <IconDots size={18} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => setRenaming(true)}>
              Rename
            </Menu.Item>
            <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={onHelp}>
              Keyboard shortcuts
            </Menu.Item>
            <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={remove}>
              Delete…
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </Group>
    </header>
  )
}

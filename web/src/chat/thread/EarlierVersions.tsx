import { Anchor, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useId } from 'react'
import { pluralize } from '../../format/numbers'
import type { Chat } from '../chat'
import { ChatText } from './ChatText'
import classes from './thread.module.css'

/** The replaced versions of a chat, collapsed. The model does not see them. */
export function EarlierVersions({ chats, linkedId }: { chats: Chat[]; linkedId: string | null }) {
  const [isOpen, { toggle }] = useDisclosure(chats.some((chat) => chat.id === linkedId))
  const id = useId()
  return (
    <div>
      <Anchor
        component="button"
        type="button"
        size="xs"
        c="dimmed"
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={toggle}
      >
        {isOpen ? 'Hide' : 'Show'} {pluralize(chats.length, 'earlier version')}
      </Anchor>
      <div id={id} hidden={!isOpen}>
        {isOpen && (
          <Stack className={classes.earlier} mt="sm">
            {chats.map((chat) => (
              <div key={chat.id} id={chat.id} className={linkedId === chat.id ? classes.found : undefined}>
                <ChatText message={chat.message} response={chat.response} />
                <Text size="xs" c="dimmed" mt={4}>
                  {chat.model} · replaced
                </Text>
              </div>
            ))}
          </Stack>
        )}
      </div>
    </div>
  )
}

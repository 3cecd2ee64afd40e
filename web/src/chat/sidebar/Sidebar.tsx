import { ActionIcon, Button, Group, ScrollArea, Stack, Text, TextInput, Tooltip } from '@mantine/core'
import { useDebouncedValue, useHotkeys, useMediaQuery } from '@mantine/hooks'
import { IconPlus, IconSearch, IconX } from '@tabler/icons-react'
import { useRef, useState } from 'react'
import { useNavigate } from 'react-router'
import type { Pages } from '../../graphql/usePages'
import { useCloseNavigation } from '../../layout/Frame'
import { ConversationList } from './ConversationList'
import type { ConversationRow } from '../changes/conversationRows'
import { SearchResults } from './SearchResults'

type Props = {
  conversations: Pages<ConversationRow>
  /** The ids of the conversations with an answer in progress. */
  running: ReadonlySet<string>
  current: string | null
  onNew: () => void
}

export function Sidebar({ conversations, running, current, onNew }: Props) {
  const navigate = useNavigate()
  const closeNavigation = useCloseNavigation()
  const [search, setSearch] = useState('')
  const [debouncedSearch] = useDebouncedValue(search.trim(), 250)
  const isTouch = useMediaQuery('(pointer: coarse)', false, { getInitialValueInEffect: false })
  const input = useRef<HTMLInputElement>(null)
  const viewport = useRef<HTMLDivElement>(null)
  const focusSearch = () => input.current?.focus()
  // Ctrl+K also in text fields; a slash only outside of them.
  useHotkeys([['mod+K', focusSearch]], [])
  useHotkeys([['/', focusSearch]])

  return (
    <Stack gap="xs" h="100%" py="xs">
      <Group px="xs">
        <Button
          fullWidth
          leftSection={<IconPlus size={18} />}
          onClick={() => {
            onNew()
            closeNavigation()
            void navigate('/')
          }}
        >
          New chat
        </Button>
      </Group>
      <TextInput
        ref={input}
        mx="xs"
        type="search"
        aria-label="Search messages"
        placeholder={isTouch ? 'Search' : 'Search (Ctrl+K)'}
        leftSection={<IconSearch size={16} aria-hidden />}
        rightSection={
          search && (
            <Tooltip label="Clear">
              <ActionIcon
                variant="subtle"
                color="gray"
                size="sm"
                aria-label="Clear the search"
                onClick={() => setSearch('')}
              >
                <IconX size={14} />
              </ActionIcon>
            </Tooltip>
          )
        }
        value={search}
        onChange={(event) => setSearch(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setSearch('')
        }}
      />
      <ScrollArea flex={1} type="auto" scrollbarSize={8} viewportRef={viewport} px="xs">
        {debouncedSearch ? (
          <SearchResults search={debouncedSearch} />
        ) : (
          <ConversationList conversations={conversations} running={running} current={current} viewport={viewport} />
        )}
      </ScrollArea>
      {!isTouch && (
        <Text size="xs" c="dimmed" px="md" visibleFrom="sm">
          Enter to send, Shift+Enter for a new line
        </Text>
      )}
    </Stack>
  )
}

import { ActionIcon, Button, Group, ScrollArea, Stack, Text, TextInput, Tooltip } from '@mantine/core'
import { useDebouncedValue, useHotkeys, useMediaQuery } from '@mantine/hooks'
import { IconArchive, IconArrowLeft, IconPlus, IconSearch, IconX } from '@tabler/icons-react'
import { lazy, Suspense, useRef, useState } from 'react'
import { useNavigate } from 'react-router'
import { useCloseNavigation } from '../../layout/Frame'
import { ConversationList } from './ConversationList'
import type { useConversations } from '../changes/useConversations'
import { PageLoader } from '../../ui/PageLoader'
import { ArchivedConversations } from './ArchivedConversations'

const SearchResults = lazy(() => import('./SearchResults'))

type Props = {
  conversations: ReturnType<typeof useConversations>
  current: string | null
  onNew: () => void
}

export function Sidebar({ conversations, current, onNew }: Props) {
  const { pinned, unpinned, running, update } = conversations
  const navigate = useNavigate()
  const closeNavigation = useCloseNavigation()
  const [search, setSearch] = useState('')
  const [showsArchive, setShowsArchive] = useState(false)
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
      <Group px="xs" gap={4} wrap="nowrap">
        <TextInput
          ref={input}
          flex={1}
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
        <Tooltip label={showsArchive ? 'Back to all chats' : 'Archived chats'}>
          <ActionIcon
            variant={showsArchive ? 'light' : 'subtle'}
            color={showsArchive ? undefined : 'gray'}
            size="lg"
            aria-label={showsArchive ? 'Back to all chats' : 'Archived chats'}
            onClick={() => setShowsArchive(!showsArchive)}
          >
            {showsArchive ? <IconArrowLeft size={18} /> : <IconArchive size={18} />}
          </ActionIcon>
        </Tooltip>
      </Group>
      <ScrollArea flex={1} type="auto" scrollbarSize={8} viewportRef={viewport} px="xs">
        {debouncedSearch ? (
          <Suspense fallback={<PageLoader />}>
            <SearchResults search={debouncedSearch} />
          </Suspense>
        ) : showsArchive ? (
          <ArchivedConversations running={running} current={current} viewport={viewport} onUpdate={update} />
        ) : (
          <ConversationList
            pinned={pinned}
            conversations={unpinned}
            running={running}
            current={current}
            viewport={viewport}
            onUpdate={update}
            empty="No conversations yet"
          />
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

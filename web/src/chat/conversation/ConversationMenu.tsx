import { Menu } from '@mantine/core'
import {
  IconArchive,
  IconArchiveOff,
  IconFileText,
  IconJson,
  IconPencil,
  IconPin,
  IconPinnedOff,
  IconTrash,
} from '@tabler/icons-react'
import type { ReactNode } from 'react'
import type { ConversationRow } from '../changes/conversationRows'
import type { ConversationActions } from './useConversationActions'

type Props = {
  conversation: ConversationRow
  actions: ConversationActions
  /** The button that opens the menu. */
  target: ReactNode
  onRename: () => void
  /** Further items, before the deletion. */
  children?: ReactNode
}

/** The menu of a conversation, in the list and in its header. */
export function ConversationMenu({ conversation, actions, target, onRename, children }: Props) {
  const { pinned, archived } = conversation
  const PinIcon = pinned ? IconPinnedOff : IconPin
  const ArchiveIcon = archived ? IconArchiveOff : IconArchive
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>{target}</Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconPencil size={16} />} onClick={onRename}>
          Rename
        </Menu.Item>
        {!archived && (
          <Menu.Item leftSection={<PinIcon size={16} />} onClick={actions.togglePin}>
            {pinned ? 'Unpin' : 'Pin'}
          </Menu.Item>
        )}
        <Menu.Item leftSection={<ArchiveIcon size={16} />} onClick={actions.toggleArchive}>
          {archived ? 'Unarchive' : 'Archive'}
        </Menu.Item>
        <Menu.Item leftSection={<IconFileText size={16} />} onClick={() => actions.exportAs('MARKDOWN')}>
          Export as Markdown
        </Menu.Item>
        <Menu.Item leftSection={<IconJson size={16} />} onClick={() => actions.exportAs('JSON')}>
          Export as JSON
        </Menu.Item>
        {children}
        <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={actions.remove}>
          Delete…
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

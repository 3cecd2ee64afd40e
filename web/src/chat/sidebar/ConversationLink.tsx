import { ActionIcon, Menu, NavLink } from '@mantine/core'
import { IconDots, IconPencil, IconTrash } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import { Link, useNavigate } from 'react-router'
import { excerpt } from '../../format/excerpt'
import { DeleteConversationDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { useViewer } from '../../session/context'
import { confirmDanger } from '../../ui/confirm'
import { RelativeTime } from '../../ui/RelativeTime'
import { showToast } from '../../ui/toast'
import type { ConversationRow } from '../changes/conversationRows'
import { RenameForm } from './RenameForm'
import classes from './sidebar.module.css'

type Props = {
  conversation: ConversationRow
  isCurrent: boolean
  /** Whether an answer is in progress. */
  isRunning: boolean
  onRenamed: (title: string) => void
  onDeleted: () => void
}

export function ConversationLink({ conversation, isCurrent, isRunning, onRenamed, onDeleted }: Props) {
  const { client } = useViewer()
  const navigate = useNavigate()
  const [isRenaming, setRenaming] = useState(false)
  const link = useRef<HTMLAnchorElement>(null)
  const wasRenaming = useRef(false)
  useEffect(() => {
    // The focus was in the form, unless it went elsewhere.
    if (wasRenaming.current && !isRenaming && document.activeElement === document.body) link.current?.focus()
    wasRenaming.current = isRenaming
  }, [isRenaming])
  const { id, activeAt } = conversation
  const title = conversation.title || 'New chat'

  const remove = () =>
    confirmDanger({
      title: 'Delete this conversation?',
      text: `Deletes “${title}” and its messages. Charges stay in your history.`,
      confirm: 'Delete',
      run: async () => {
        await mutate(client, DeleteConversationDocument, { input: { conversationId: id } })
        onDeleted()
        showToast({ message: `“${excerpt(title, '', 40)}” deleted.` })
        if (isCurrent) void navigate('/')
      },
    })

  if (isRenaming) {
    return (
      <li>
        <RenameForm
          conversation={conversation}
          onDone={(renamed) => {
            setRenaming(false)
            if (renamed !== null) onRenamed(renamed)
          }}
        />
      </li>
    )
  }
  return (
    <li className={classes.conversation}>
      <NavLink
        component={Link}
        ref={link}
        onDoubleClick={() => setRenaming(true)}
        to={`/c/${encodeURIComponent(id)}`}
        label={title}
        description={isRunning ? <Running /> : <RelativeTime iso={activeAt} />}
        active={isCurrent}
        aria-current={isCurrent ? 'page' : undefined}
        noWrap
        pr={40}
        className={classes.conversationLink}
      />
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon
            variant="subtle"
            color="gray"
            className={classes.conversationMenu}
            aria-label={`Rename or delete “${title}”`}
          >
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => setRenaming(true)}>
            Rename
          </Menu.Item>
          <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={remove}>
            Delete…
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </li>
  )
}

/** The mark of a conversation whose answer is in progress. */
function Running() {
  return (
    <>
      <span className={classes.running} aria-hidden />
      Answering…
    </>
  )
}

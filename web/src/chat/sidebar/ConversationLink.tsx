import { ActionIcon, NavLink } from '@mantine/core'
import { IconDots } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import { Link } from 'react-router'
import { RelativeTime } from '../../ui/RelativeTime'
import type { ConversationRow } from '../changes/conversationRows'
import { ConversationMenu } from '../conversation/ConversationMenu'
import { useConversationActions } from '../conversation/useConversationActions'
import { RenameForm } from './RenameForm'
import classes from './sidebar.module.css'

type Props = {
  conversation: ConversationRow
  isCurrent: boolean
  /** Whether an answer is in progress. */
  isRunning: boolean
  /** Receives the conversation after a change; null after its deletion. */
  onChanged: (changed: ConversationRow | null) => void
}

export function ConversationLink({ conversation, isCurrent, isRunning, onChanged }: Props) {
  const actions = useConversationActions(conversation, isCurrent, onChanged)
  const [isRenaming, setRenaming] = useState(false)
  const link = useRef<HTMLAnchorElement>(null)
  const wasRenaming = useRef(false)
  useEffect(() => {
    // The focus was in the form, unless it went elsewhere.
    if (wasRenaming.current && !isRenaming && document.activeElement === document.body) link.current?.focus()
    wasRenaming.current = isRenaming
  }, [isRenaming])
  const { id, activeAt } = conversation
  const { title } = actions

  if (isRenaming) {
    return (
      <li>
        <RenameForm
          conversation={conversation}
          onDone={(renamed) => {
            setRenaming(false)
            if (renamed !== null) onChanged({ ...conversation, title: renamed })
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
        attributes={{ label: { dir: 'auto' } }}
        description={isRunning ? <Running /> : <RelativeTime iso={activeAt} />}
        active={isCurrent}
        aria-current={isCurrent ? 'page' : undefined}
        noWrap
        pr={40}
        className={classes.conversationLink}
      />
      <ConversationMenu
        conversation={conversation}
        actions={actions}
        onRename={() => setRenaming(true)}
        target={
          <ActionIcon
            variant="subtle"
            color="gray"
            className={classes.conversationMenu}
            aria-label={`Menu of “${title}”`}
          >
            <IconDots size={16} />
          </ActionIcon>
        }
      />
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

import { ActionIcon, Alert, Button, Group, Text, Tooltip, VisuallyHidden } from '@mantine/core'
import { IconAlertTriangle, IconRefresh } from '@tabler/icons-react'
import { pluralize } from '../../format/numbers'
import { formatTokens } from '../../format/prices'
import { CopyAction } from '../../ui/CopyAction'
import type { Chat } from '../chat'
import { Markdown } from '../markdown/Markdown'
import { AnswerDetails } from './AnswerDetails'
import { describeFailure } from './failure'
import type { ThreadItem } from './thread'
import classes from './thread.module.css'
import { useRegenerate } from './useRegenerate'
import { VersionPager, type OnChoose } from './VersionPager'

type Props = ThreadItem & {
  live: string | null
  isBlocked: boolean
  onReplaced: (by: Chat) => void
  onChoose: OnChoose
}

/** The answer of the model, complete or in progress, or the reason why it failed. */
export function Answer({ live, isBlocked, onReplaced, onChoose, ...item }: Props) {
  const { chat, target } = item
  const { regenerate, isBusy } = useRegenerate(item, onReplaced)
  const isPending = chat.status === 'PENDING'
  const text = isPending ? (live ?? '') : chat.response
  const failure = describeFailure(chat)

  return (
    <div aria-busy={isPending}>
      {chat.contextLeftOut > 0 && (
        <Text size="xs" c="dimmed" mb="xs">
          {pluralize(chat.contextLeftOut, 'older message was', 'older messages were')} left out (context limit).
        </Text>
      )}
      {text && <Markdown text={text} />}
      {isPending && !text && <Thinking />}
      {failure && (
        <Alert color="orange" variant="light" icon={<IconAlertTriangle />} mt={text ? 'sm' : 0}>
          <Text size="sm">{failure}</Text>
          <Button mt="xs" size="xs" variant="default" loading={isBusy} onClick={() => regenerate(chat.model)}>
            Try again
          </Button>
        </Alert>
      )}
      {!isPending && (
        <Group gap={4} mt={6}>
          {/* A failed version beside the one that has returned has no place of its own. */}
          {chat === target && <VersionPager chat={chat} isBlocked={isBlocked} onChoose={onChoose} />}
          <Text size="xs" c="dimmed" mr={4}>
            {chat.model} · {formatTokens(chat.cost)}
            {chat.status === 'STOPPED' && ` · stopped${chat.error ? `: ${chat.error.message}` : ''}`}
          </Text>
          <Group gap={2} className={classes.actions}>
            {text && <CopyAction text={text} noun="answer" />}
            <AnswerDetails chat={chat} />
            {!failure && (
              <Tooltip label="Regenerate">
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size="sm"
                  loading={isBusy}
                  aria-label="Regenerate the answer"
                  onClick={() => regenerate(chat.model)}
                >
                  <IconRefresh size={15} />
                </ActionIcon>
              </Tooltip>
            )}
          </Group>
        </Group>
      )}
    </div>
  )
}

function Thinking() {
  return (
    <div className={classes.dots}>
      <span />
      <span />
      <span />
      <VisuallyHidden>The answer is in progress.</VisuallyHidden>
    </div>
  )
}

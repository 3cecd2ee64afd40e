import { Alert, Button, Group, Text, VisuallyHidden } from '@mantine/core'
import { IconAlertTriangle, IconInfoCircle } from '@tabler/icons-react'
import { pluralize } from '../../format/numbers'
import { isMetered } from '../../format/prices'
import { CostButton } from '../../receipt/CostButton'
import { CopyAction } from '../../ui/CopyAction'
import type { Chat } from '../chat'
import { Markdown } from '../markdown/Markdown'
import { firstAvailable, titleOf, type Model } from '../models/useModels'
import type { LiveReply } from '../reply/liveReply'
import { Thoughts } from '../thoughts/Thoughts'
import { AnswerDetails } from './AnswerDetails'
import { ContinueButton, type OnContinue } from './ContinueButton'
import { canContinue } from './continueMessage'
import { describeEnding, describeNoAnswer } from './ending'
import { describeFailure } from './failure'
import { RegenerateButton } from './RegenerateButton'
import type { ThreadItem } from './thread'
import classes from './thread.module.css'
import { useRegenerate } from './useRegenerate'
import { VersionPager, type OnChoose } from './VersionPager'

type Props = ThreadItem & {
  models: readonly Model[]
  /** The reply in progress; null if there is none. */
  live: LiveReply | null
  isBlocked: boolean
  onReplaced: (by: Chat) => void
  onChoose: OnChoose
  /** Null if the answer cannot be continued here. */
  onContinue: OnContinue | null
}

/** The answer of the model, complete or in progress, or the reason why it failed. */
export function Answer({ models, live, isBlocked, onReplaced, onChoose, onContinue, ...item }: Props) {
  const { chat, target } = item
  const { regenerate, isBusy } = useRegenerate(item, onReplaced)
  // The operator may have removed the one that answered.
  const model = firstAvailable(models, chat.model) ?? chat.model
  const isPending = chat.status === 'PENDING'
  const text = isPending ? (live?.text ?? '') : chat.response
  const failure = describeFailure(chat)
  const answered = models.find(({ name }) => name === chat.model)
  const maxOutput = answered && isMetered(answered.price) ? answered.maxOutput : null
  const ending = describeEnding(chat, maxOutput)
  const noAnswer = describeNoAnswer(chat, maxOutput)
  const continuing = onContinue && canContinue(chat) && (
    <ContinueButton chat={chat} models={models} model={model} onContinue={onContinue} />
  )

  return (
    <div aria-busy={isPending}>
      {chat.contextLeftOut > 0 && (
        <Text size="xs" c="dimmed" mb="xs">
          {pluralize(chat.contextLeftOut, 'older message was', 'older messages were')} left out (context limit).
        </Text>
      )}
      <Thoughts chat={chat} live={live} />
      {text && <Markdown text={text} />}
      {isPending && !text && !live?.reasoning && <Waiting />}
      {noAnswer && (
        <Alert color="gray" variant="light" icon={<IconInfoCircle />}>
          <Text size="sm">{noAnswer}</Text>
          <Button mt="xs" size="compact-xs" variant="default" loading={isBusy} onClick={() => regenerate(model)}>
            Regenerate
          </Button>
        </Alert>
      )}
      {failure && (
        <Alert color="orange" variant="light" icon={<IconAlertTriangle />} mt={text ? 'sm' : 0}>
          <Text size="sm">{failure}</Text>
          <Group mt="xs" gap="xs">
            <Button size="compact-xs" variant="default" loading={isBusy} onClick={() => regenerate(model)}>
              Try again
            </Button>
            {continuing}
          </Group>
        </Alert>
      )}
      {!isPending && (
        <Group gap={4} mt={6}>
          {/* A failed version beside the one that has returned has no place of its own. */}
          {chat === target && <VersionPager chat={chat} isBlocked={isBlocked} onChoose={onChoose} />}
          <Text size="xs" c="dimmed" mr={4}>
            {titleOf(models, chat.model)} · <CostButton chat={chat} />
            {ending && ` · ${ending}`}
          </Text>
          <Group gap={2} className={classes.actions}>
            {text && <CopyAction text={text} noun="answer" />}
            <AnswerDetails chat={chat} />
            {!failure && <RegenerateButton models={models} model={model} isBusy={isBusy} onRegenerate={regenerate} />}
          </Group>
          {!failure && continuing}
        </Group>
      )}
    </div>
  )
}

function Waiting() {
  return (
    <div className={classes.dots}>
      <span />
      <span />
      <span />
      <VisuallyHidden>The answer is in progress.</VisuallyHidden>
    </div>
  )
}

import { ActionIcon, Group, Tooltip } from '@mantine/core'
import { IconArrowUp, IconPlayerStopFilled } from '@tabler/icons-react'
import { isTouch } from './keys'
import type { Submission } from './message'

type Props = {
  submission: Submission
  hasPending: boolean
  isSending: boolean
  isStopping: boolean
  onStop: () => void
}

/** The buttons in the field: one that sends or queues the message, and one that stops the answer in progress. */
export function ComposerButtons({ submission, hasPending, isSending, isStopping, onStop }: Props) {
  const isRefused = submission.action === 'none'
  const reason = isRefused ? submission.reason : null
  const name = submission.action === 'queue' ? 'Send after this answer' : 'Send'
  return (
    <Group gap={4} wrap="nowrap">
      {hasPending && (
        <Tooltip label="Stop the answer (Escape)">
          <ActionIcon radius="xl" color="gray" loading={isStopping} aria-label="Stop the answer" onClick={onStop}>
            <IconPlayerStopFilled size={16} />
          </ActionIcon>
        </Tooltip>
      )}
      <Tooltip label={reason ?? (isTouch() ? name : `${name} (Enter)`)} disabled={isRefused && reason === null}>
        <ActionIcon
          type="submit"
          radius="xl"
          variant="filled"
          loading={isSending}
          // Not `disabled`: the button must stay focusable, since its label is the reason.
          data-disabled={isRefused || undefined}
          aria-disabled={isRefused}
          aria-label={reason === null ? name : `${name}. ${reason}`}
        >
          <IconArrowUp size={18} />
        </ActionIcon>
      </Tooltip>
    </Group>
  )
}

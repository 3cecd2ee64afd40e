import { Button, Group, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { notifyProblem } from './confirm'

/** Milliseconds for which an action can be undone. Stops while the pointer is on the toast. */
const UNDO_TIMEOUT = 15_000

type Toast = {
  message: string
  /** Whether a part of the action has failed. */
  isPartial?: boolean
  /** Reverts the action. */
  undo?: () => Promise<void>
}

/** Shows the outcome of an action, with a button that undoes it. */
export function showToast({ message, isPartial = false, undo }: Toast): void {
  const color = isPartial ? 'orange' : 'teal'
  const closeButtonProps = { 'aria-label': 'Close' }
  if (!undo) {
    notifications.show({ color, message, closeButtonProps })
    return
  }
  const id = notifications.show({
    color,
    autoClose: UNDO_TIMEOUT,
    closeButtonProps,
    message: (
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <Text size="sm">{message}</Text>
        <Button
          size="compact-sm"
          variant="default"
          flex="none"
          onClick={() => {
            notifications.hide(id)
            undo().catch(notifyProblem)
          }}
        >
          Undo
        </Button>
      </Group>
    ),
  })
}

import { Stack, Text } from '@mantine/core'
import { modals } from '@mantine/modals'
import { notifications } from '@mantine/notifications'
import { summarizeNames } from '../format/names'
import { asProblem, problemText } from '../graphql/problem'

type Question = {
  title: string
  text: string
  /** The names of what is affected. */
  names?: readonly string[]
  /** The number of all that are affected, if only some have a name here. */
  total?: number
  confirm: string
  run: () => Promise<void>
}

/** Runs a destructive action after a confirmation, and shows a notification if it fails. */
export function confirmDanger({ title, text, names, total, confirm, run }: Question): void {
  modals.openConfirmModal({
    title,
    children: (
      <Stack gap="xs">
        {names && (
          <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
            {summarizeNames(names, total)}
          </Text>
        )}
        <Text size="sm">{text}</Text>
      </Stack>
    ),
    labels: { confirm, cancel: 'Cancel' },
    confirmProps: { color: 'red' },
    closeButtonProps: { 'aria-label': 'Close' },
    onConfirm: () => void run().catch(notifyProblem),
  })
}

/** Shows a failed request as a notification, if there is no form to show it in. */
export function notifyProblem(thrown: unknown): void {
  notifications.show({ color: 'red', title: 'That did not work', message: problemText(asProblem(thrown)) })
}

import { Text } from '@mantine/core'
import { modals } from '@mantine/modals'
import { notifications } from '@mantine/notifications'
import { asProblem } from '../graphql/problem'

type Question = { title: string; text: string; confirm: string; run: () => Promise<void> }

/** Runs a destructive action after a confirmation, and shows a notification if it fails. */
export function confirmDanger({ title, text, confirm, run }: Question): void {
  modals.openConfirmModal({
    title,
    children: <Text size="sm">{text}</Text>,
    labels: { confirm, cancel: 'Cancel' },
    confirmProps: { color: 'red' },
    closeButtonProps: { 'aria-label': 'Close' },
    onConfirm: () => void run().catch(notifyProblem),
  })
}

/** Shows a failed request as a notification, if there is no form to show it in. */
export function notifyProblem(thrown: unknown): void {
  notifications.show({ color: 'red', title: 'That did not work', message: asProblem(thrown).message })
}

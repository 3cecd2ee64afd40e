import { Text } from '@mantine/core'
import { modals } from '@mantine/modals'
import { notifications } from '@mantine/notifications'
import { asProblem } from '../graphql/problem'

type Question = { title: string; text: string; confirm: string; run: () => Promise<void> }

/** Asks before something that cannot be undone, does it, and says so where it fails. */
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

/** For what fails without a form to say so. */
export function notifyProblem(thrown: unknown): void {
  notifications.show({ color: 'red', title: 'That did not work', message: asProblem(thrown).message })
}

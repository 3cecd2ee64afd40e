import { Modal } from '@mantine/core'
import { useModals } from '@mantine/modals'
import { useDeferredValue, type ReactNode } from 'react'

type Props = { isOpen: boolean; onClose: () => void; children: ReactNode }

/** The dialog with a message of a user and its answer. */
export function ChatDialog({ isOpen, onClose, children }: Props) {
  // Escape cancels a confirmation, and leaves the dialog below open. The count before matters as well, since the dialog
  // receives the same key event right after the confirmation has closed.
  const confirmations = useModals().modals.length
  const confirmationsBefore = useDeferredValue(confirmations)
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      title="Message"
      size="xl"
      closeOnEscape={confirmations === 0 && confirmationsBefore === 0}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {children}
    </Modal>
  )
}

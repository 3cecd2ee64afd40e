import { Modal } from '@mantine/core'
import { useWindowEvent } from '@mantine/hooks'
import { useModals } from '@mantine/modals'
import { useLayoutEffect, useRef, type ReactNode } from 'react'

type Props = { isOpen: boolean; onClose: () => void; children: ReactNode }

/** The dialog with a message of a user and its answer. */
export function ChatDialog({ isOpen, onClose, children }: Props) {
  // Escape cancels a confirmation, and leaves the dialog below open: the key that closed the former closes nothing else.
  const confirmations = useModals().modals.length
  const lastConfirmation = useRef(0)
  useLayoutEffect(() => {
    lastConfirmation.current = performance.now()
  }, [confirmations])
  useWindowEvent('keydown', (event) => {
    if (event.key === 'Escape' && confirmations === 0 && event.timeStamp > lastConfirmation.current) onClose()
  })
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      title="Message"
      size="xl"
      closeOnEscape={false}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {children}
    </Modal>
  )
}

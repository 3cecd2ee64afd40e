import { Modal } from '@mantine/core'
import { useLast } from '../../ui/useLast'
import { DeliveryLog } from './DeliveryLog'
import type { Webhook } from './lists'
import { WebhookForm } from './WebhookForm'
import { WebhookSecret } from './WebhookSecret'

/** What is done in the dialog. */
export type WebhookTask =
  | { action: 'add' }
  | { action: 'edit' | 'log'; webhook: Webhook }
  | { action: 'secret'; webhook: Webhook; secret: string; isRotated: boolean }

type Props = {
  task: WebhookTask | null
  onNext: (task: WebhookTask) => void
  onClose: () => void
  onChanged: () => void
}

/** The dialog that adds or edits a webhook, and shows its secret or its deliveries. */
export function WebhookDialog({ task, onNext, onClose, onChanged }: Props) {
  const shown = useLast(task)
  const isSecret = task?.action === 'secret'
  const saved = () => {
    onChanged()
    onClose()
  }
  const created = (webhook: Webhook, secret: string) => onNext({ action: 'secret', webhook, secret, isRotated: false })
  return (
    <Modal
      opened={task !== null}
      onClose={onClose}
      title={shown && titleOf(shown)}
      size="lg"
      // A click outside must not lose the secret.
      closeOnClickOutside={!isSecret}
      closeOnEscape={!isSecret}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {task?.action === 'add' && <WebhookForm webhook={null} onSaved={saved} onCreated={created} />}
      {task?.action === 'edit' && <WebhookForm webhook={task.webhook} onSaved={saved} onCreated={created} />}
      {task?.action === 'log' && <DeliveryLog webhook={task.webhook} />}
      {task?.action === 'secret' && <WebhookSecret secret={task.secret} isRotated={task.isRotated} onClose={onClose} />}
    </Modal>
  )
}

function titleOf(task: WebhookTask): string {
  switch (task.action) {
    case 'add':
      return 'Add a webhook'
    case 'edit':
      return `Edit ${task.webhook.name}`
    case 'log':
      return `Deliveries to ${task.webhook.name}`
    case 'secret':
      return `Secret of ${task.webhook.name}`
  }
}

import { Modal } from '@mantine/core'
import { useLast } from '../../ui/useLast'
import type { Provider } from './lists'
import { ProviderForm } from './ProviderForm'
import { ProviderTest } from './ProviderTest'
import { TakeOver } from './TakeOver'

/** What is done in the dialog. */
export type ProviderTask = { action: 'add' } | { action: 'edit' | 'test' | 'models'; provider: Provider }

type Props = {
  task: ProviderTask | null
  /** The names of the providers. */
  taken: readonly string[]
  onNext: (task: ProviderTask) => void
  onClose: () => void
  onChanged: () => void
}

/** The dialog that adds, edits or tests a provider, or takes over its models. */
export function ProviderDialog({ task, taken, onNext, onClose, onChanged }: Props) {
  const shown = useLast(task)
  const saved = (provider: Provider) => {
    onChanged()
    // What comes next: whether it works.
    onNext({ action: 'test', provider })
  }
  return (
    <Modal
      opened={task !== null}
      onClose={onClose}
      title={shown && titleOf(shown)}
      size="lg"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {task?.action === 'add' && <ProviderForm provider={null} taken={taken} onSaved={saved} />}
      {task?.action === 'edit' && <ProviderForm provider={task.provider} taken={taken} onSaved={saved} />}
      {task?.action === 'test' && (
        <ProviderTest
          provider={task.provider}
          onList={() => onNext({ action: 'models', provider: task.provider })}
          onEdit={() => onNext({ action: 'edit', provider: task.provider })}
        />
      )}
      {task?.action === 'models' && <TakeOver provider={task.provider} onDone={onClose} />}
    </Modal>
  )
}

function titleOf(task: ProviderTask): string {
  switch (task.action) {
    case 'add':
      return 'Add a provider'
    case 'edit':
      return `Edit ${task.provider.name}`
    case 'test':
      return `Test ${task.provider.name}`
    case 'models':
      return `Models of ${task.provider.name}`
  }
}

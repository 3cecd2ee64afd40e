import { Button, Group, Paper, Text } from '@mantine/core'
import { IconClock } from '@tabler/icons-react'
import type { QueuedMessage } from './outbox'

type Props = { queued: QueuedMessage; isBusy: boolean; onSend: () => void; onCancel: () => void }

/** The message that is sent when the answer ends. Cancelling puts it back into the field. */
export function QueuedNotice({ queued, isBusy, onSend, onCancel }: Props) {
  return (
    <Paper withBorder p="xs" mt="xs" role="group" aria-label="Waiting message">
      <Group gap="xs" wrap="nowrap">
        <IconClock size={16} style={{ flexShrink: 0 }} aria-hidden />
        <div style={{ flex: 1, minWidth: 0 }}>
          <Text size="sm" lineClamp={3} dir="auto" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
            {queued.message}
          </Text>
          <Text size="xs" c="dimmed" role="status">
            {queued.isHeld ? 'Not sent yet' : isBusy ? 'Sending…' : 'Will be sent when the answer ends'}
          </Text>
        </div>
        {queued.isHeld && (
          <Button size="xs" loading={isBusy} onClick={onSend}>
            Send now
          </Button>
        )}
        {!isBusy && (
          <Button size="xs" variant="default" aria-label="Cancel the waiting message" onClick={onCancel}>
            Cancel
          </Button>
        )}
      </Group>
    </Paper>
  )
}

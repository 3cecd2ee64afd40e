import { Badge, Tooltip } from '@mantine/core'
import { useNetwork } from '@mantine/hooks'
import { IconPlugConnectedX } from '@tabler/icons-react'
import { useSyncExternalStore } from 'react'
import { useViewer } from '../session/context'

/** Silent while all is well. */
export function ConnectionBadge() {
  const { socket } = useViewer()
  const status = useSyncExternalStore(socket.subscribe, socket.snapshot)
  const { online } = useNetwork()
  const word = online ? (status === 'reconnecting' ? 'Reconnecting…' : null) : 'Offline'
  return (
    <div role="status">
      {word && (
        <Tooltip label="Answers go on in the meantime, and appear when the connection is back. Click to try now.">
          <Badge
            component="button"
            type="button"
            color="orange"
            variant="light"
            tt="none"
            onClick={socket.hurry}
            leftSection={<IconPlugConnectedX size={14} style={{ display: 'block' }} aria-hidden />}
            style={{ cursor: 'pointer' }}
          >
            {word}
          </Badge>
        </Tooltip>
      )}
    </div>
  )
}

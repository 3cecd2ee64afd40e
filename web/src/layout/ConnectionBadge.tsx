import { Badge, Group, Text, Tooltip, VisuallyHidden } from '@mantine/core'
import { useNetwork } from '@mantine/hooks'
import { IconPlugConnectedX } from '@tabler/icons-react'
import { useViewer } from '../session/context'
import { useStore } from '../store/useStore'

/** A badge while the connection is lost; nothing otherwise. */
export function ConnectionBadge() {
  const { socket } = useViewer()
  const status = useStore(socket)
  const { online } = useNetwork()
  const word = online ? (status === 'reconnecting' ? 'Reconnecting…' : null) : 'Offline'
  return (
    <Group role="status" wrap="nowrap">
      {/* For the live region, also if only the icon is visible. */}
      <VisuallyHidden>{word}</VisuallyHidden>
      {word && (
        <Tooltip label="Answers continue, and appear when the connection is back. Click to try now.">
          <Badge
            component="button"
            type="button"
            color="orange"
            variant="light"
            tt="none"
            onClick={socket.retryNow}
            aria-label={word}
            leftSection={<IconPlugConnectedX size={14} style={{ display: 'block' }} aria-hidden />}
            style={{ cursor: 'pointer' }}
          >
            <Text span inherit visibleFrom="xs">
              {word}
            </Text>
          </Badge>
        </Tooltip>
      )}
    </Group>
  )
}

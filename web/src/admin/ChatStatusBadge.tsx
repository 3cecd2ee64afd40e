import { Badge } from '@mantine/core'
import type { ChatStatus } from '../gql/admin'

const COLOURS: Record<ChatStatus, string> = {
  DONE: 'teal',
  FAILED: 'red',
  INTERRUPTED: 'orange',
  PENDING: 'blue',
  STOPPED: 'gray',
}

export function ChatStatusBadge({ status }: { status: ChatStatus }) {
  return (
    <Badge color={COLOURS[status]} variant="light" miw="max-content">
      {status.toLowerCase()}
    </Badge>
  )
}

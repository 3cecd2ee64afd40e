import { Button } from '@mantine/core'
import { IconMapQuestion } from '@tabler/icons-react'
import { Link } from 'react-router'
import { Message } from '../ui/Message'
import { useTitle } from '../ui/useTitle'
import { Frame } from './Frame'

export function NotFound() {
  useTitle('Not found')
  return (
    <Frame>
      <Message
        Icon={IconMapQuestion}
        title="There is nothing here"
        action={
          <Button component={Link} to="/">
            To your chats
          </Button>
        }
      >
        The address may be mistyped, or what was here is deleted.
      </Message>
    </Frame>
  )
}

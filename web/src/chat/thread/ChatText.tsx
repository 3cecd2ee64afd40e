import { Divider, Stack } from '@mantine/core'
import { NOT_STORED } from '../../format/chats'
import { Markdown } from '../markdown/Markdown'
import { Bubble } from './Bubble'

/** A message and its answer, read-only. */
export function ChatText({ message, response }: { message: string; response: string }) {
  if (message === '') return <em>{NOT_STORED}</em>
  return (
    <Stack>
      <Bubble>{message}</Bubble>
      <Divider />
      {response ? <Markdown text={response} /> : <em>No answer.</em>}
    </Stack>
  )
}

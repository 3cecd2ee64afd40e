import { Divider, Stack } from '@mantine/core'
import { Bubble } from './Bubble'
import { Markdown } from './Markdown'

/** A message and its answer, to be read and nothing else. */
export function ChatText({ message, response }: { message: string; response: string }) {
  return (
    <Stack>
      <Bubble>{message}</Bubble>
      <Divider />
      {response ? <Markdown text={response} /> : <em>No answer.</em>}
    </Stack>
  )
}

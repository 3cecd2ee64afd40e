import { Divider, Stack } from '@mantine/core'
import type { ReactNode } from 'react'
import { NOT_STORED } from '../../format/chats'
import { Markdown } from '../markdown/Markdown'
import { Bubble } from './Bubble'

type Props = { message: string; response: string; thoughts: ReactNode }

/** A message, what the model thought, and its answer, read-only. */
export function ChatText({ message, response, thoughts }: Props) {
  if (message === '') return <em>{NOT_STORED}</em>
  return (
    <Stack>
      <Bubble>{message}</Bubble>
      <Divider />
      {thoughts}
      {response ? <Markdown text={response} /> : <em>No answer.</em>}
    </Stack>
  )
}

import { modals } from '@mantine/modals'
import type { Client } from '@urql/core'
import { ChatDocument } from '../../gql/chat'
import { query } from '../../graphql/client'
import { notifyProblem } from '../../ui/confirm'
import { Thoughts } from '../thoughts/Thoughts'
import { ChatText } from './ChatText'

/** Shows a chat without a conversation in a dialog. */
export function openChat(client: Client, id: string): void {
  query(client, ChatDocument, { id })
    .then(({ chat }) => {
      if (!chat) return
      modals.open({
        title: 'A single message',
        size: 'lg',
        closeButtonProps: { 'aria-label': 'Close' },
        children: (
          <ChatText message={chat.message} response={chat.response} thoughts={<Thoughts chat={chat} live={null} />} />
        ),
      })
    })
    .catch(notifyProblem)
}

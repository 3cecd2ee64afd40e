import { Button, Loader, NavLink, Stack, Text } from '@mantine/core'
import { useCallback } from 'react'
import { Link } from 'react-router'
import { NOT_STORED } from '../../format/chats'
import { excerpt } from '../../format/excerpt'
import { pluralize } from '../../format/numbers'
import { SearchChatsDocument } from '../../gql/chat'
import { query } from '../../graphql/client'
import { EMPTY_PAGE } from '../../graphql/pagedList'
import { usePages } from '../../graphql/usePages'
import { useViewer } from '../../session/context'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { RelativeTime } from '../../ui/RelativeTime'
import { chatPath } from '../chatPath'
import { openChat } from '../thread/openChat'

export function SearchResults({ search }: { search: string }) {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) =>
      (await query(client, SearchChatsDocument, { search, first: 20, after })).chatHistory ?? EMPTY_PAGE,
    [client, search],
  )
  const { rows, isLoading, hasMore, problem, loadMore, reload } = usePages(load)

  if (problem) return <ProblemAlert problem={problem} onRetry={reload} />
  return (
    <Stack gap={2}>
      <Text size="xs" c="dimmed" px="xs" role="status">
        {isLoading
          ? 'Searching…'
          : rows.length === 0
            ? 'Nothing fits.'
            : `${pluralize(rows.length, 'chat')}${hasMore ? ' or more' : ''}`}
      </Text>
      {rows.map((chat) => {
        const shared = {
          label: excerpt(chat.message, search, 70) || NOT_STORED,
          description: (
            <>
              {excerpt(chat.response, search, 110)} · <RelativeTime iso={chat.createdAt} />
            </>
          ),
        }
        const path = chatPath(chat)
        return path ? (
          <NavLink key={chat.id} component={Link} to={path} {...shared} />
        ) : (
          <NavLink key={chat.id} component="button" onClick={() => openChat(client, chat.id)} {...shared} />
        )
      })}
      {hasMore && !isLoading && (
        <Button variant="subtle" size="xs" onClick={loadMore}>
          Show more
        </Button>
      )}
      {isLoading && <Loader size="xs" m="sm" />}
    </Stack>
  )
}

import { Badge, Button, Loader, NavLink, Stack, Text } from '@mantine/core'
import { useCallback } from 'react'
import { Link } from 'react-router'
import { NOT_STORED } from '../../format/chats'
import { excerpt } from '../../format/excerpt'
import { pluralize } from '../../format/numbers'
import { SearchChatsDocument, type SearchChatsQuery } from '../../gql/chat'
import { query } from '../../graphql/client'
import { EMPTY_PAGE } from '../../graphql/pagedList'
import { usePages } from '../../graphql/usePages'
import { useViewer } from '../../session/context'
import { Highlighted } from '../../ui/Highlighted'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { RelativeTime } from '../../ui/RelativeTime'
import { chatPath } from '../chatPath'
import { openChat } from '../thread/openChat'
import classes from './sidebar.module.css'

type FoundChat = NonNullable<SearchChatsQuery['chatHistory']>['nodes'][number]

export default function SearchResults({ search }: { search: string }) {
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
            ? `No results for “${search}”`
            : `${pluralize(rows.length, 'message')}${hasMore ? ' or more' : ''}`}
      </Text>
      {rows.map((chat) => (
        <Result key={chat.id} chat={chat} search={search} />
      ))}
      {hasMore && !isLoading && (
        <Button variant="subtle" size="xs" onClick={loadMore}>
          Show more
        </Button>
      )}
      {isLoading && <Loader size="xs" m="sm" />}
    </Stack>
  )
}

function Result({ chat, search }: { chat: FoundChat; search: string }) {
  const { client } = useViewer()
  const path = chatPath(chat)
  const shared = {
    className: classes.result,
    label: <Highlighted text={excerpt(chat.message, search, 70) || NOT_STORED} search={search} />,
    description: (
      <>
        <Highlighted text={excerpt(chat.response, search, 110)} search={search} />
        <br />
        {chat.conversation?.title && <>{excerpt(chat.conversation.title, '', 40)} · </>}
        <RelativeTime iso={chat.createdAt} />{' '}
        {chat.replacedById !== null && (
          <Badge component="span" size="xs" color="gray" variant="light" tt="none">
            Earlier version
          </Badge>
        )}
      </>
    ),
  }
  return path ? (
    <NavLink component={Link} to={path} {...shared} />
  ) : (
    <NavLink component="button" onClick={() => openChat(client, chat.id)} {...shared} />
  )
}

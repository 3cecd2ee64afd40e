import { Badge, Button, Group, Loader, Stack, Text } from '@mantine/core'
import { useCallback, useEffect, useRef } from 'react'
import { formatDate } from '../format/dates'
import { deviceLabel } from '../format/devices'
import { EndSessionDocument, SessionsDocument } from '../gql/account'
import { mutate, query } from '../graphql/client'
import { EMPTY_PAGE } from '../graphql/pagedList'
import { usePages } from '../graphql/usePages'
import { useSession, useViewer } from '../session/context'
import { confirmDanger } from '../ui/confirm'
import { LoadMore } from '../ui/LoadMore'
import { ProblemAlert } from '../ui/ProblemAlert'
import { RelativeTime } from '../ui/RelativeTime'

/** The sessions of the viewer. Another number of `changes` loads them anew. */
export function SessionList({ changes }: { changes: number }) {
  const session = useSession()
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) =>
      (await query(client, SessionsDocument, { first: 20, after })).sessions ?? EMPTY_PAGE,
    [client],
  )
  const pages = usePages(load)
  const { reload } = pages
  const loaded = useRef(changes)
  useEffect(() => {
    if (loaded.current !== changes) reload()
    loaded.current = changes
  }, [changes, reload])

  const end = ({ id, current, userAgent }: (typeof pages.rows)[number]) =>
    confirmDanger({
      title: current ? 'Log out here?' : 'Log out this device?',
      text: deviceLabel(userAgent),
      confirm: 'Log out',
      run: async () => {
        if (current) {
          await session.logOut()
          return
        }
        await mutate(client, EndSessionDocument, { input: { sessionId: id } })
        pages.remove(new Set([id]))
      },
    })

  if (pages.problem) return <ProblemAlert problem={pages.problem} onRetry={pages.reload} />
  if (pages.isLoading && pages.rows.length === 0) return <Loader size="sm" />
  return (
    <Stack gap="sm">
      <Stack component="ul" gap="sm" m={0} p={0} style={{ listStyle: 'none' }}>
        {pages.rows.map((row) => (
          <Group component="li" key={row.id} justify="space-between" wrap="nowrap">
            <div>
              <Text size="sm">
                {deviceLabel(row.userAgent)}{' '}
                {row.current && (
                  <Badge size="sm" tt="none" variant="light">
                    This device
                  </Badge>
                )}
              </Text>
              <Text size="xs" c="dimmed">
                Logged in {formatDate(row.createdAt)}
                {row.address && ` from ${row.address}`}, last used <RelativeTime iso={row.lastUsedAt} />
              </Text>
            </div>
            <Button size="xs" variant="default" flex="none" onClick={() => end(row)}>
              Log out
            </Button>
          </Group>
        ))}
      </Stack>
      <LoadMore pages={pages} noun="device" />
    </Stack>
  )
}

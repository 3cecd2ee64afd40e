import 'graphiql/setup-workers/vite'
import 'graphiql/style.css'
import { useComputedColorScheme } from '@mantine/core'
import { createGraphiQLFetcher } from '@graphiql/toolkit'
import { GraphiQL } from 'graphiql'
import { useMemo, useState } from 'react'
import { ENDPOINT, SESSION_HEADER } from '../graphql/post'
import { Frame } from '../layout/Frame'
import { useSession, useViewer } from '../session/context'
import { useTitle } from '../ui/useTitle'
import classes from './graphiql.module.css'
import { memoryStorage } from './storage'

const FIRST_QUERY = `# What you may do here is what you may do anywhere: this page asks as you.

query Me {
  me {
    username
    balance {
      tokens
      held
    }
  }
}
`

export default function GraphiqlPage() {
  useTitle('GraphiQL')
  const session = useSession()
  const { socket } = useViewer()
  const theme = useComputedColorScheme('light')
  // New for each mount, so that the next user finds no queries.
  const [storage] = useState(memoryStorage)
  const fetcher = useMemo(
    () =>
      createGraphiQLFetcher({
        url: ENDPOINT,
        wsClient: socket.client,
        fetch: async (url, init) => {
          const headers = new Headers(init?.headers)
          for (const [name, value] of Object.entries(SESSION_HEADER)) headers.set(name, value)
          const token = await session.freshToken()
          if (token && !headers.has('authorization')) headers.set('authorization', `Bearer ${token}`)
          return await fetch(url, { ...init, headers })
        },
      }),
    [session, socket],
  )
  return (
    <Frame fixed>
      <div className={classes.page}>
        <GraphiQL
          fetcher={fetcher}
          storage={storage}
          forcedTheme={theme}
          defaultQuery={FIRST_QUERY}
          shouldPersistHeaders={false}
        />
      </div>
    </Frame>
  )
}

import { useEffect, useMemo, useState } from 'react'
import { Navigate, Outlet, useLocation } from 'react-router'
import { Provider } from 'urql'
import { BalanceChangedDocument, type ViewerFragment } from '../gql/session'
import { createClient } from '../graphql/client'
import { Socket } from '../graphql/socket'
import { BalanceContext, useSession, useSessionState, ViewerContext } from '../session/context'
import { PageLoader } from '../ui/PageLoader'
import { PayerProvider } from './PayerProvider'
import { Unreachable } from './Unreachable'

/** Guards the routes for logged-in users. Redirects others to the log-in page, which returns them afterwards. */
export function RequireAuth() {
  const state = useSessionState()
  const { pathname, search } = useLocation()
  switch (state.phase) {
    case 'starting':
      return <PageLoader />
    case 'unreachable':
      return <Unreachable />
    case 'loggedOut':
      // After a session the page is being reloaded.
      if (state.reason !== 'never') return <PageLoader />
      return <Navigate to="/login" replace state={{ from: pathname + search }} />
    case 'loggedIn':
      // Remounted for another user, so that no state is shared.
      return <AsUser key={state.user.id} user={state.user} />
  }
}

function AsUser({ user }: { user: ViewerFragment }) {
  const session = useSession()
  const [{ client, socket }] = useState(() => ({ client: createClient(session), socket: new Socket(session) }))
  const [balance, setBalance] = useState(user.balance)

  useEffect(() => {
    window.addEventListener('online', socket.retryNow)
    const unsubscribe = socket.on(
      BalanceChangedDocument,
      {},
      { next: ({ balanceChanged }) => setBalance(balanceChanged), done: () => undefined },
    )
    return () => {
      unsubscribe()
      window.removeEventListener('online', socket.retryNow)
    }
  }, [socket])

  const viewer = useMemo(() => ({ user, client, socket }), [user, client, socket])
  return (
    <Provider value={client}>
      <ViewerContext value={viewer}>
        <BalanceContext value={balance}>
          <PayerProvider>
            <Outlet />
          </PayerProvider>
        </BalanceContext>
      </ViewerContext>
    </Provider>
  )
}

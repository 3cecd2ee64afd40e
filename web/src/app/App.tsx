import { MantineProvider } from '@mantine/core'
import { ModalsProvider } from '@mantine/modals'
import { Notifications } from '@mantine/notifications'
import { lazy, Suspense } from 'react'
import { BrowserRouter, Route, Routes, useLocation } from 'react-router'
import { ChatPage } from '../chat/ChatPage'
import { NotFound } from '../layout/NotFound'
import { RequireAuth } from '../login/RequireAuth'
import { SessionContext } from '../session/context'
import type { Session } from '../session/session'
import { PageLoader } from '../ui/PageLoader'
import { ErrorBoundary } from './ErrorBoundary'
import { readable, theme } from './theme'

const CredentialsPage = lazy(() => import('../login/CredentialsPage'))
const AccountPage = lazy(() => import('../account/AccountPage'))
const AdminRoutes = lazy(() => import('../admin/AdminRoutes'))
const GraphiqlPage = lazy(() => import('../graphiql/GraphiqlPage'))

export function App({ session }: { session: Session }) {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={readable} defaultColorScheme="auto">
      <ErrorBoundary>
        <SessionContext value={session}>
          <BrowserRouter>
            <ModalsProvider labels={{ confirm: 'OK', cancel: 'Cancel' }}>
              <Notifications position="top-center" />
              <Pages />
            </ModalsProvider>
          </BrowserRouter>
        </SessionContext>
      </ErrorBoundary>
    </MantineProvider>
  )
}

function Pages() {
  const { pathname } = useLocation()
  return (
    <ErrorBoundary at={pathname}>
      <Suspense fallback={<PageLoader />}>
        <Routes>
          <Route path="/login" element={<CredentialsPage kind="login" />} />
          <Route path="/register" element={<CredentialsPage kind="register" />} />
          <Route element={<RequireAuth />}>
            <Route index element={<ChatPage />} />
            <Route path="/c/:conversationId" element={<ChatPage />} />
            <Route path="/account" element={<AccountPage />} />
            <Route path="/admin/*" element={<AdminRoutes />} />
            <Route path="/graphiql" element={<GraphiqlPage />} />
          </Route>
          {/* Without RequireAuth: an unknown path needs no log-in. */}
          <Route path="*" element={<NotFound />} />
        </Routes>
      </Suspense>
    </ErrorBoundary>
  )
}

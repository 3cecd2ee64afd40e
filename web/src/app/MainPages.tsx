import { ModalsProvider, modals } from '@mantine/modals'
import { Notifications, notifications } from '@mantine/notifications'
import { lazy, Suspense, useLayoutEffect } from 'react'
import { Route, Routes, useLocation } from 'react-router'
import { NotFound } from '../layout/NotFound'
import { RequireAuth } from '../login/RequireAuth'
import { PageLoader } from '../ui/PageLoader'
import { useIsPhone } from '../ui/useIsPhone'
import { removeBoot } from './boot'
import { ErrorBoundary } from './ErrorBoundary'
import { onLeave } from './leavePage'
import { loadChatPage } from './pages'

const ChatPage = lazy(async () => ({ default: (await loadChatPage()).ChatPage }))
const AccountPage = lazy(() => import('../account/AccountPage'))
const GroupPage = lazy(() => import('../groups/GroupPage'))
const AdminRoutes = lazy(() => import('../admin/AdminRoutes'))
const GraphiqlPage = lazy(() => import('../graphiql/GraphiqlPage'))

onLeave(() => {
  modals.closeAll()
  notifications.clean()
})

/** All pages but log-in and registration. */
export default function MainPages() {
  const { pathname } = useLocation()
  const isPhone = useIsPhone()
  useLayoutEffect(removeBoot, [])
  return (
    <ModalsProvider labels={{ confirm: 'OK', cancel: 'Cancel' }}>
      {/* Over the navigation rather than the content, and under dialogs. */}
      <Notifications
        position={isPhone ? 'top-center' : 'bottom-left'}
        zIndex={199}
        containerWidth={isPhone ? 400 : 268}
      />
      <ErrorBoundary at={pathname}>
        <Suspense fallback={<PageLoader height="100dvh" />}>
          <Routes>
            <Route element={<RequireAuth />}>
              <Route index element={<ChatPage />} />
              <Route path="/c/:conversationId" element={<ChatPage />} />
              <Route path="/account" element={<AccountPage />} />
              <Route path="/groups/:groupId" element={<GroupPage />} />
              <Route path="/admin/*" element={<AdminRoutes />} />
              <Route path="/graphiql" element={<GraphiqlPage />} />
            </Route>
            {/* Without RequireAuth: an unknown path needs no log-in. */}
            <Route path="*" element={<NotFound />} />
          </Routes>
        </Suspense>
      </ErrorBoundary>
    </ModalsProvider>
  )
}

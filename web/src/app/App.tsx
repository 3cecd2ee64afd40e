import { MantineProvider } from '@mantine/core'
import { lazy, Suspense } from 'react'
import { BrowserRouter, Route, Routes, useLocation } from 'react-router'
import { SessionContext } from '../session/context'
import type { Session } from '../session/session'
import { PageLoader } from '../ui/PageLoader'
import { ErrorBoundary } from './ErrorBoundary'
import { loadCredentialsPage, loadMainPages } from './pages'
import { readable, theme } from './theme'

const CredentialsPage = lazy(loadCredentialsPage)
const MainPages = lazy(loadMainPages)

export function App({ session }: { session: Session }) {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={readable} defaultColorScheme="auto">
      <ErrorBoundary>
        <SessionContext value={session}>
          <BrowserRouter>
            <Pages />
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
      <Suspense fallback={<PageLoader height="100dvh" />}>
        <Routes>
          <Route path="/login" element={<CredentialsPage kind="login" />} />
          <Route path="/register" element={<CredentialsPage kind="register" />} />
          <Route path="*" element={<MainPages />} />
        </Routes>
      </Suspense>
    </ErrorBoundary>
  )
}

import './app/styles'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app/App'
import { moveStyles } from './app/boot'
import { leavePage, restoreReturnTo } from './app/leavePage'
import { preloadFirstPage } from './app/pages'
import { redirectNewVisitor, rememberVisitor } from './app/visitor'
import { clearStored } from './graphiql/storage'
import { logout, logoutEverywhere, refresh } from './session/api'
import { browserClock, Session } from './session/session'
import { browserTabs } from './session/tabs'

moveStyles()
const session = new Session({ refresh, logout, logoutEverywhere }, browserTabs(), browserClock, leavePage)
clearStored(() => localStorage)
restoreReturnTo()
redirectNewVisitor()
rememberVisitor(session)
preloadFirstPage(location.pathname)
void session.start()

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <App session={session} />
  </StrictMode>,
)

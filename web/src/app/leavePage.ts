import { drafts } from '../chat/composer/drafts'
import { clearStored } from '../graphiql/storage'
import type { LeavePage } from '../session/session'

/** The key in the session storage for what is passed to the next page of the tab, which removes it at once. */
const RETURN_TO_KEY = 'jeton:left'

const cleanups: (() => void)[] = []

/** Registers what clears the parts of a page that have been loaded, when a session ends. */
export function onLeave(cleanup: () => void): void {
  cleanups.push(cleanup)
}

/**
 * Replaces the page by the log-in page. Drafts, dialogs and notifications are cleared at once, everything else in memory
 * with the page.
 */
export const leavePage: LeavePage = ({ userId, reason }) => {
  drafts.clear()
  for (const cleanup of cleanups) cleanup()
  clearStored(() => localStorage)
  if (reason !== 'logout') {
    const from = location.pathname + location.search
    const passed = reason === 'expired' ? { from, ended: true, userId } : { deleted: true }
    try {
      sessionStorage.setItem(RETURN_TO_KEY, JSON.stringify(passed))
    } catch {
      // Storage is blocked: the log-in returns to the start page.
    }
  }
  location.replace('/login')
}

/** Moves what `leavePage` stored into the state of the history, in the form that the router reads. */
export function restoreReturnTo(): void {
  try {
    const stored = sessionStorage.getItem(RETURN_TO_KEY)
    if (stored === null) return
    sessionStorage.removeItem(RETURN_TO_KEY)
    if (location.pathname === '/login') history.replaceState({ usr: JSON.parse(stored) as unknown }, '')
  } catch {
    // Storage is blocked, so nothing was stored.
  }
}

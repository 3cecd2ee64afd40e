import type { Session } from '../session/session'

/** The key in the local storage for whether a user is logged in in this browser, which boot.js reads. */
const VISITOR_KEY = 'jeton:visitor'

/**
 * Goes to the log-in page if index.html shows its form on another one, since no user is logged in in this browser. If one
 * is nevertheless, the log-in page leads back.
 */
export function redirectNewVisitor(): void {
  const { pathname, search } = location
  if (document.documentElement.dataset.boot !== 'login' || pathname === '/login') return
  history.replaceState({ usr: { from: pathname + search } }, '', '/login')
}

/** Stores whether a user is logged in, for the next visit. */
export function rememberVisitor(session: Session): void {
  session.subscribe(() => {
    const { phase } = session.state
    try {
      if (phase === 'loggedIn') localStorage.setItem(VISITOR_KEY, 'known')
      else if (phase === 'loggedOut') localStorage.removeItem(VISITOR_KEY)
    } catch {
      // Storage is blocked: boot.js shows no form then.
    }
  })
}

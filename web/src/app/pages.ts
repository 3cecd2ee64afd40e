// The parts of the client that load on their own. The log-in page is small, and needs nothing of the others.

export const loadCredentialsPage = () => import('../login/CredentialsPage')
export const loadMainPages = () => import('./MainPages')
export const loadChatPage = () => import('../chat/ChatPage')

/** Whether a path is the page for log-in or registration. */
function isCredentialsPath(pathname: string): boolean {
  return pathname === '/login' || pathname === '/register'
}

/** Whether a path is a page of the chat. */
function isChatPath(pathname: string): boolean {
  return pathname === '/' || pathname.startsWith('/c/')
}

/** Starts to load what the first page needs, while the session is being refreshed. */
export function preloadFirstPage(pathname: string): void {
  // A failure is shown by the page that needs it.
  const ignore = () => undefined
  if (isCredentialsPath(pathname)) {
    loadCredentialsPage().catch(ignore)
    return
  }
  loadMainPages().catch(ignore)
  if (isChatPath(pathname)) loadChatPage().catch(ignore)
}

/** Loads the chat while the log-in page is filled in, so that it appears at once. */
export function preloadChat(): void {
  const ignore = () => undefined
  loadMainPages().catch(ignore)
  loadChatPage().catch(ignore)
}

import { modals } from '@mantine/modals'
import { notifications } from '@mantine/notifications'
import { drafts } from '../chat/composer/drafts'
import { clearStored } from '../graphiql/storage'
import type { LeavePage } from '../session/session'

/** What this page leaves to the next one of the same tab, which removes it at once. */
const RETURN_TO_KEY = 'jeton:left'

/**
 * Loads the log-in page in place of this one. What was typed, opened or shown goes at once, and whatever else is in
 * memory with the page.
 */
export const leavePage: LeavePage = ({ userId, reason }) => {
  drafts.clear()
  modals.closeAll()
  notifications.clean()
  clearStored(() => localStorage)
  if (reason === 'expired') {
    const from = location.pathname + location.search
    try {
      sessionStorage.setItem(RETURN_TO_KEY, JSON.stringify({ from, ended: true, userId }))
    } catch {
      // Without storage the way back is lost, and nothing else.
    }
  }
  location.replace('/login')
}

/** Takes over what `leavePage` left, into the history's state in the form in which the router reads it. */
export function restoreReturnTo(): void {
  try {
    const left = sessionStorage.getItem(RETURN_TO_KEY)
    if (left === null) return
    sessionStorage.removeItem(RETURN_TO_KEY)
    if (location.pathname === '/login') history.replaceState({ usr: JSON.parse(left) as unknown }, '')
  } catch {
    // Nothing was left.
  }
}

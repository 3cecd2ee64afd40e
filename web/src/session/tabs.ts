import type { ViewerFragment } from '../gql/session'

/** A message between the tabs of a browser. Tokens pass from memory to memory; none is stored. */
export type TabMessage = { type: 'fresh'; accessToken: string; user: ViewerFragment } | { type: 'out' }

/** The connection to the other tabs of the browser. */
export type Tabs = {
  /** Sends a message to all other tabs. */
  send(message: TabMessage): void
  listen(listener: (message: TabMessage) => void): void
  /** Runs work under a lock that all tabs share. */
  exclusively<T>(work: () => Promise<T>): Promise<T>
}

/** Connects the tabs by the browser's channel and locks. Without locks (insecure contexts) each tab refreshes on its own. */
export function browserTabs(): Tabs {
  const channel = new BroadcastChannel('jeton-session')
  const { locks } = navigator as Partial<Navigator>
  return {
    send: (message) => channel.postMessage(message),
    listen: (listener) => {
      channel.onmessage = (event: MessageEvent<TabMessage>) => listener(event.data)
    },
    exclusively: async (work) => (locks ? await locks.request('jeton-refresh', work) : await work()),
  }
}

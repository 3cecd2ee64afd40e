import type { ViewerFragment } from '../gql/session'

/** What the tabs of one browser send each other. Tokens pass from memory to memory; none is stored. */
export type TabMessage = { type: 'fresh'; accessToken: string; user: ViewerFragment } | { type: 'out' }

export type Tabs = {
  /** Tells all other tabs. */
  send(message: TabMessage): void
  listen(listener: (message: TabMessage) => void): void
  /** Runs while no other tab runs. */
  exclusively<T>(work: () => Promise<T>): Promise<T>
}

/** Tabs by way of the browser. Where it has no locks (pages that are not secure), each tab is on its own. */
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

import { useSyncExternalStore } from 'react'
import type { Store } from './store'

/** Returns the state of a store. The component renders again when it changes. */
export function useStore<S>(store: Store<S>): S {
  return useSyncExternalStore(store.subscribe, store.getSnapshot)
}

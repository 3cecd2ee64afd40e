import { useSyncExternalStore } from 'react'

const MINUTE = 60_000

function everyMinute(listener: () => void): () => void {
  const timer = setInterval(listener, MINUTE)
  return () => clearInterval(timer)
}

/** Returns the time at the start of the current minute, and renders again in the next one. */
export function useMinute(): number {
  return useSyncExternalStore(everyMinute, () => Math.floor(Date.now() / MINUTE)) * MINUTE
}

/** Where to go after the log-in, and whether a session ended just before. */
export type ComingFrom = { path: string; ended: boolean }

/** Reads what `LoggedIn` left in the history's state, which may be anything after a reload. */
export function comingFrom(state: unknown): ComingFrom {
  if (typeof state !== 'object' || state === null) return { path: '/', ended: false }
  const path = 'from' in state && typeof state.from === 'string' && /^\/(?!\/)/.test(state.from) ? state.from : '/'
  return { path, ended: 'ended' in state && state.ended === true }
}

/** Where to go after the log-in, and whether a session ended just before. */
export type ReturnTo = { path: string; ended: boolean }

/**
 * Reads what `RequireAuth` or the end of a session left in the history's state, which may be anything after a reload. Where
 * it was left by a user, only they are led back.
 */
export function returnTo(state: unknown, userId?: string): ReturnTo {
  if (typeof state !== 'object' || state === null) return { path: '/', ended: false }
  const ended = 'ended' in state && state.ended === true
  const isOfAnother = userId !== undefined && 'userId' in state && state.userId !== userId
  const isPath = 'from' in state && typeof state.from === 'string' && /^\/(?![/\\])/.test(state.from)
  return { path: isPath && !isOfAnother ? (state.from as string) : '/', ended }
}

/** Where to go after the log-in, and whether a session ended just before. */
export type ComingFrom = { path: string; ended: boolean }

/**
 * Reads what `LoggedIn` or the end of a session left in the history's state, which may be anything after a reload. Where
 * it was left by a user, only they are led back.
 */
export function comingFrom(state: unknown, userId?: string): ComingFrom {
  if (typeof state !== 'object' || state === null) return { path: '/', ended: false }
  const ended = 'ended' in state && state.ended === true
  const isOfAnother = userId !== undefined && 'userId' in state && state.userId !== userId
  const isPath = 'from' in state && typeof state.from === 'string' && /^\/(?![/\\])/.test(state.from)
  return { path: isPath && !isOfAnother ? (state.from as string) : '/', ended }
}

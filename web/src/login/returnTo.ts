/** The path to return to after the log-in, and whether a session has expired or an account was deleted just before. */
export type ReturnTo = { path: string; ended: boolean; deleted: boolean }

/**
 * Parses the state of the history, which `RequireAuth` or the end of a session has set, and which is untrusted after a
 * reload. If it names a user, the path is returned to that user only.
 */
export function returnTo(state: unknown, userId?: string): ReturnTo {
  if (typeof state !== 'object' || state === null) return { path: '/', ended: false, deleted: false }
  const ended = 'ended' in state && state.ended === true
  const deleted = 'deleted' in state && state.deleted === true
  const isOfAnother = userId !== undefined && 'userId' in state && state.userId !== userId
  const isPath = 'from' in state && typeof state.from === 'string' && /^\/(?![/\\])/.test(state.from)
  return { path: isPath && !isOfAnother ? (state.from as string) : '/', ended, deleted }
}

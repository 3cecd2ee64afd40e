/** The times at which a token was issued and expires, in seconds since 1970 by the clock of the server. */
type TokenTimes = { iat: number; exp: number }

/** Milliseconds before the expiry at which a token is refreshed. */
const REFRESH_AHEAD = 60_000

/** The maximum delay of a timer; a longer one would fire at once. */
const MAX_TIMER_DELAY = 2 ** 31 - 1

function readTimes(token: string): TokenTimes | null {
  const payload = token.split('.')[1]
  if (!payload) return null
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')))
    if (typeof claims !== 'object' || claims === null || !('exp' in claims) || typeof claims.exp !== 'number')
      return null
    const iat = 'iat' in claims && typeof claims.iat === 'number' ? claims.iat : null
    return { exp: claims.exp, iat: iat ?? claims.exp }
  } catch {
    return null
  }
}

/**
 * Returns the time, by the clock of this device, at which to refresh a token that was just issued: `REFRESH_AHEAD` before
 * it expires, or halfway for a lifetime below twice that. Counted from now by the lifetime, so that the clocks may differ.
 * Null for an opaque token.
 */
export function refreshAt(token: string, now: number): number | null {
  const times = readTimes(token)
  if (!times) return null
  const lifetime = times.iat < times.exp ? (times.exp - times.iat) * 1000 : times.exp * 1000 - now
  return now + Math.max(0, lifetime - Math.min(REFRESH_AHEAD, lifetime / 2))
}

/** Returns the delay until a time, at most the maximum of a timer; the timer is then set again when it fires. */
export function delayUntil(moment: number, now: number): number {
  return Math.min(Math.max(0, moment - now), MAX_TIMER_DELAY)
}

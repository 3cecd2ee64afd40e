/** When a token was made and when it ends, in seconds since 1970 by the server's clock. */
type TokenTimes = { iat: number; exp: number }

/** Refresh this long before the end. */
const REFRESH_AHEAD = 60_000

/** What a timer can wait for at most; longer delays would fire at once. */
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
 * When a token that was just made should be refreshed, by the clock of this device: `REFRESH_AHEAD` before its end, or halfway
 * for one that lives shorter than twice that. Counted from now and by the token's lifetime, so that a wrong clock here
 * does no harm. Null for a token that does not tell.
 */
export function refreshAt(token: string, now: number): number | null {
  const times = readTimes(token)
  if (!times) return null
  const lifetime = times.iat < times.exp ? (times.exp - times.iat) * 1000 : times.exp * 1000 - now
  return now + Math.max(0, lifetime - Math.min(REFRESH_AHEAD, lifetime / 2))
}

/** How long to wait until a moment; what a timer cannot wait for is cut, and the timer set anew when it fires. */
export function delayUntil(moment: number, now: number): number {
  return Math.min(Math.max(0, moment - now), MAX_TIMER_DELAY)
}

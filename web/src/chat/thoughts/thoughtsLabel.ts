import { formatSeconds } from '../../format/durations'

/** Describes how long a model has reasoned: "Thought for 12 s". `milliseconds` is null if that is unknown. */
export function thoughtsLabel(milliseconds: number | null): string {
  if (milliseconds === null) return 'Thoughts'
  if (milliseconds < 1000) return 'Thought for a moment'
  return `Thought for ${formatSeconds(Math.round(milliseconds / 1000))}`
}

/** Formats the time since a model began to reason: "12 s"; null in the first second. */
export function runningTime(since: number, now: number): string | null {
  const seconds = Math.floor((now - since) / 1000)
  return seconds < 1 ? null : formatSeconds(seconds)
}

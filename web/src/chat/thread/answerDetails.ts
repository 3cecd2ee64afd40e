import { formatDateTime } from '../../format/dates'
import { pluralize } from '../../format/numbers'
import { formatPrice, formatTokens, type Price } from '../../format/prices'
import type { Chat } from '../chat'

const ENDS: Record<Chat['status'], string> = {
  PENDING: 'In progress',
  DONE: 'Complete',
  STOPPED: 'Stopped',
  FAILED: 'Failed',
  INTERRUPTED: 'Interrupted',
}

const FINISH_REASONS: Record<NonNullable<Chat['finishReason']>, string> = {
  STOP: 'Complete',
  LENGTH: 'Length limit reached',
  CONTENT_FILTER: 'Withheld by a filter of the provider',
  TOOL_CALLS: 'Waits for tools',
}

/** Formats a duration: "0.4 s", "12 s", "2 min 5 s". */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** Returns what is known about a finished answer, as rows of terms and values. */
export function answerDetails(chat: Chat, price: Price | null): [term: string, value: string][] {
  const { usage, createdAt, firstChunkAt, finishedAt, cost, hold } = chat
  const rows: [string, string | null][] = [
    ['Model', chat.model],
    ['Sent', formatDateTime(createdAt)],
    ['Time to first token', firstChunkAt && formatDuration(Date.parse(firstChunkAt) - Date.parse(createdAt))],
    ['Duration', finishedAt && formatDuration(Date.parse(finishedAt) - Date.parse(createdAt))],
    ['Finish', chat.finishReason ? FINISH_REASONS[chat.finishReason] : ENDS[chat.status]],
    ['Input', usage && formatUsage(usage.input, usage.estimated)],
    ['Output', usage && formatUsage(usage.output, usage.estimated)],
    ['Charged', formatTokens(cost)],
    ['Reserved before', formatTokens(hold)],
    ['Price today', price && formatPrice(price)],
  ]
  return rows.filter((row): row is [string, string] => row[1] !== null)
}

function formatUsage(amount: number, isEstimated: boolean): string {
  return `${isEstimated ? 'about ' : ''}${pluralize(amount, 'model token')}`
}

import { formatDateTime } from '../../format/dates'
import { formatDuration } from '../../format/durations'
import { formatPrice, formatTokens, type Price } from '../../format/prices'
import { formatInput, formatOutput } from '../../format/usage'
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

/** The term of the cost. */
export const CHARGED = 'Charged'

/** Returns what is known about a finished answer, as rows of terms and values. */
export function answerDetails(chat: Chat, price: Price | null): [term: string, value: string][] {
  const { usage, createdAt, firstChunkAt, finishedAt, cost, hold } = chat
  const rows: [string, string | null][] = [
    ['Model', chat.model],
    ['Sent', formatDateTime(createdAt)],
    ['Time to first token', firstChunkAt && formatDuration(Date.parse(firstChunkAt) - Date.parse(createdAt))],
    ['Duration', finishedAt && formatDuration(Date.parse(finishedAt) - Date.parse(createdAt))],
    ['Finish', chat.finishReason ? FINISH_REASONS[chat.finishReason] : ENDS[chat.status]],
    ['Input', usage && formatInput(usage)],
    ['Output', usage && formatOutput(usage)],
    [CHARGED, formatTokens(cost)],
    ['Reserved before', formatTokens(hold)],
    ['Price today', price && formatPrice(price)],
  ]
  return rows.filter((row): row is [string, string] => row[1] !== null)
}

import { formatDateTime } from '../format/dates'
import { formatCount, formatSigned } from '../format/numbers'
import { formatPrice } from '../format/prices'

/** The details of an audit event: a JSON object. */
export type Details = Record<string, unknown>

/** A value before and after an action. */
type Change = { from: unknown; to: unknown }

/** Names that differ from those of the fields. */
const NAMES: Record<string, string> = { chats: 'messages', bulk: 'in bulk', own: 'own account' }

export function parseDetails(details: string): Details | null {
  try {
    const parsed: unknown = JSON.parse(details)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Details) : null
  } catch {
    return null
  }
}

/** Returns a changed value; null if the event tells none, or only the value after it. */
export function changeOf(details: Details | null, name: string): Change | null {
  const value = details?.[name]
  return typeof value === 'object' && value !== null && 'from' in value && 'to' in value ? value : null
}

/** Formats details as "name: value, ..", changes as "active: yes → no", without some fields. */
export function formatFields(details: Details, omitted: readonly string[] = []): string {
  return Object.keys(details)
    .filter((name) => !omitted.includes(name))
    .map((name) => formatField(details, name))
    .join(', ')
}

function formatField(details: Details, name: string): string {
  const label = NAMES[name] ?? name.replaceAll('_', ' ')
  const value = details[name]
  // A flag, which is there only if it is set.
  if (value === true && name in NAMES) return label
  const change = changeOf(details, name)
  if (change) return `${label}: ${formatValue(change.from)} → ${formatValue(change.to)}`
  return `${label}: ${formatValue(value)}`
}

/** Formats an adjustment as a change: "+500 (balance: 4,000 → 4,500), reason: Thanks". */
export function formatAdjustment(details: Details): string {
  const { amount, tokens } = details
  if (typeof amount !== 'number' || typeof tokens !== 'number') return formatFields(details)
  const rest = formatFields(details, ['amount', 'tokens'])
  const change = `${formatSigned(amount)} (balance: ${formatCount(tokens - amount)} → ${formatCount(tokens)})`
  return rest === '' ? change : `${change}, ${rest}`
}

/** Formats a change of a price: "100 tokens a message → free (version 2)". */
export function formatPriceChange(details: Details): string {
  const { from, to, version } = details
  if (typeof version !== 'number') return formatFields(details)
  return `${formatValue(from)} → ${formatValue(to)} (version ${formatCount(version)})`
}

/** Formats a price; null for anything else. */
function formatPriceValue(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('per_message' in value)) return null
  const amounts: Details = { ...value }
  const amount = (name: string) => (typeof amounts[name] === 'number' ? amounts[name] : 0)
  return formatPrice({
    perMessage: amount('per_message'),
    perMillionInput: amount('per_million_input'),
    perMillionCacheRead: amount('per_million_cache_read'),
    perMillionCacheWrite: amount('per_million_cache_write'),
    perMillionOutput: amount('per_million_output'),
    perMillionReasoning: amount('per_million_reasoning'),
    perImage: amount('per_image'),
  })
}

function formatValue(value: unknown): string {
  if (value === null) return 'none'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') return formatCount(value)
  if (typeof value !== 'string') return formatPriceValue(value) ?? JSON.stringify(value)
  return /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(value) ? formatDateTime(value) : value.replaceAll(/,(?=\S)/g, ', ')
}

import { formatDateTime } from '../format/dates'
import { formatCount, formatSigned } from '../format/numbers'

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

function formatValue(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') return formatCount(value)
  if (typeof value !== 'string') return JSON.stringify(value)
  return /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(value) ? formatDateTime(value) : value.replaceAll(/,(?=\S)/g, ', ')
}

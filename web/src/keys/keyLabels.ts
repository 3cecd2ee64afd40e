import { formatCount } from '../format/numbers'
import type { KeyFieldsFragment, Scope } from '../gql/keys'

export type Key = KeyFieldsFragment

type ScopeOption = { scope: Scope; label: string; description: string }

/** The scopes of an API key, in the order of the form. */
export const SCOPES: readonly ScopeOption[] = [
  {
    scope: 'COMPLETIONS',
    label: 'Use models',
    description: 'OpenAI-compatible API (/v1).',
  },
  { scope: 'READ', label: 'Read', description: 'Your conversations, messages, balance and usage history.' },
  { scope: 'WRITE', label: 'Write', description: 'Send messages, change and delete conversations. Includes reading.' },
  { scope: 'ADMIN', label: 'Administer', description: 'Everything that your role allows. Includes reading.' },
]

/** Returns the label of scopes: "Use models, read". A scope that is newer than this client is shown as it is. */
export function scopesLabel(scopes: readonly Scope[]): string {
  const labels = scopes.map((scope) => SCOPES.find((option) => option.scope === scope)?.label ?? scope)
  return labels.map((label, index) => (index === 0 ? label : label.toLowerCase())).join(', ')
}

/** Formats spending and limits, the total first, and the group that pays: "300 of 5,000 in total", "paid by Team". */
export function spendingLines(spending: Key['spending'], payer: { name: string } | null = null): string[] {
  const { total, held, today, thisMonth, totalLimit, dailyLimit, monthlyLimit } = spending
  const line = (spent: number, limit: number | null, when: string) =>
    limit === null ? `${formatCount(spent)} ${when}` : `${formatCount(spent)} of ${formatCount(limit)} ${when}`
  return [
    line(total, totalLimit, 'in total'),
    // Without a limit the total is enough.
    ...(monthlyLimit === null ? [] : [line(thisMonth, monthlyLimit, 'this month')]),
    ...(dailyLimit === null ? [] : [line(today, dailyLimit, 'today')]),
    ...(held > 0 ? [`${formatCount(held)} reserved`] : []),
    ...(payer ? [`paid by ${payer.name}`] : []),
  ]
}

export type KeyState = 'active' | 'revoked' | 'expired'

/** Returns the state of a key, for its badge. */
export function keyState({ active, revokedAt }: Pick<Key, 'active' | 'revokedAt'>): KeyState {
  if (revokedAt !== null) return 'revoked'
  return active ? 'active' : 'expired'
}

/** Sorts valid keys before expired and revoked ones. */
export function activeFirst<T extends { active: boolean }>(keys: readonly T[]): T[] {
  return [...keys.filter(({ active }) => active), ...keys.filter(({ active }) => !active)]
}

const KEY_MARK = 'jt-'
/** The length of the part of a key that is stored and shown. */
const PREFIX_LENGTH = 15

/** Truncates a pasted key to its prefix, so that the secret is not searched for. */
export function redactSecret(search: string): string {
  const text = search.trimStart()
  return text.startsWith(KEY_MARK) ? text.slice(0, PREFIX_LENGTH) : search
}

/** Returns the first lines of an API client in Python, ready to run. */
export function usageExample(origin: string, secret: string): string {
  return `from openai import OpenAI\nclient = OpenAI(base_url="${origin}/v1", api_key="${secret}")`
}

import { formatCount, pluralize } from '../format/numbers'
import { formatTokens } from '../format/prices'

type Skipped = { skippedOperators: number; skippedOutOfRange?: number }

/** Describes an adjustment of several balances with its sum: "50 × 500 = 25,000 tokens". */
export function adjustmentSum(users: number, amount: number): string {
  return `${formatCount(users)} × ${formatCount(amount)} = ${formatTokens(users * amount)}`.replaceAll('-', '−')
}

/** Summarizes an adjustment: "Added 500 tokens to 50 users, 25,000 in all. 1 operator was skipped." */
export function adjustedLabel(amount: number, { adjusted, total, ...skipped }: Skipped & Adjusted): string {
  const users = pluralize(adjusted, 'user')
  const what =
    amount > 0 ? `Added ${formatTokens(amount)} to ${users}` : `Removed ${formatTokens(-amount)} from ${users}`
  return [
    adjusted > 1 ? `${what}, ${formatCount(Math.abs(total))} in all.` : `${what}.`,
    ...skippedLabels(skipped),
  ].join(' ')
}

type Adjusted = { adjusted: number; total: number }

/** Summarizes an activation or deactivation: "50 users deactivated." */
export function activatedLabel(active: boolean, changed: number, skipped: Skipped): string {
  const what = `${pluralize(changed, 'user')} ${active ? 'activated' : 'deactivated'}.`
  return [what, ...skippedLabels(skipped)].join(' ')
}

function skippedLabels({ skippedOperators, skippedOutOfRange = 0 }: Skipped): string[] {
  return [
    ...(skippedOperators > 0 ? [`${staffLabel(skippedOperators)} skipped.`] : []),
    ...(skippedOutOfRange > 0
      ? [`${pluralize(skippedOutOfRange, 'user')} skipped: the balance can’t go below 0 or above the maximum.`]
      : []),
  ]
}

/** Counts accounts that bulk actions skip: "1 account of staff or superusers". */
export function staffLabel(count: number): string {
  return `${pluralize(count, 'account')} of staff or superusers`
}

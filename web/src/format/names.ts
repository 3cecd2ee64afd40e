import { formatCount } from './numbers'

/** The number of names that are listed before the rest is only counted. */
const MAX_NAMES = 10

/** Joins names to a text: "anna, ben, carl and 1,998 more". The `total` is larger if only some of the names are known. */
export function summarizeNames(names: readonly string[], total = names.length): string {
  if (total <= MAX_NAMES && names.length === total) return names.join(', ')
  const listed = names.slice(0, MAX_NAMES)
  return `${listed.join(', ')} and ${formatCount(total - listed.length)} more`
}

/** The number of names that are listed before the rest is only counted. */
const MAX_NAMES = 10

/** Joins names to a text: "anna, ben, carl and 47 more". */
export function summarizeNames(names: readonly string[], max = MAX_NAMES): string {
  if (names.length <= max) return names.join(', ')
  return `${names.slice(0, max).join(', ')} and ${names.length - max} more`
}

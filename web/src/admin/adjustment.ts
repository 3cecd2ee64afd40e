/** Returns the amount of an adjustment; null if it is 0 or no whole number. */
export function parseAdjustment(
  { mode, amount }: { mode: 'by' | 'to'; amount: number | string },
  current: number | null,
): number | null {
  if (typeof amount !== 'number' || !Number.isSafeInteger(amount)) return null
  const by = mode === 'to' && current !== null ? amount - current : amount
  return by === 0 ? null : by
}

/** The amounts of frequent top-ups. */
export const PRESETS = [1_000, 5_000]

/** By how much a balance is to be moved; null where that is no whole number, or nothing. */
export function parseAdjustment(
  { mode, amount }: { mode: 'by' | 'to'; amount: number | string },
  current: number | null,
): number | null {
  if (typeof amount !== 'number' || !Number.isSafeInteger(amount)) return null
  const by = mode === 'to' && current !== null ? amount - current : amount
  return by === 0 ? null : by
}

import { asProblem } from '../graphql/problem'

/** The outcome of a bulk action. */
export type BulkResult = { done: number; failed: { name: string; why: string }[] }

/** Runs an action on each row, one after another, and continues after failures. */
export async function forEach<T>(
  rows: readonly T[],
  nameOf: (row: T) => string,
  work: (row: T) => Promise<unknown>,
): Promise<BulkResult> {
  const result: BulkResult = { done: 0, failed: [] }
  for (const row of rows) {
    try {
      await work(row)
      result.done++
    } catch (thrown) {
      result.failed.push({ name: nameOf(row), why: asProblem(thrown).message })
    }
  }
  return result
}

/** Summarizes a bulk action: "3 done. tom: Not allowed." */
export function bulkSummary({ done, failed }: BulkResult): string {
  return [`${done} done.`, ...failed.map(({ name, why }) => `${name}: ${why}`)].join(' ')
}

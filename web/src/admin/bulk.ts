import { asProblem } from '../graphql/problem'

export type BulkResult = { done: number; failed: { name: string; why: string }[] }

/** Does the same to each, one after another; one that fails does not keep the others from it. */
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

/** "3 done. tom: Not allowed." */
export function bulkSummary({ done, failed }: BulkResult): string {
  return [`${done} done.`, ...failed.map(({ name, why }) => `${name}: ${why}`)].join(' ')
}

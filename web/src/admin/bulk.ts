import { asProblem } from '../graphql/problem'

/** The outcome of a bulk action: the rows that it changed, and why others failed. */
export type BulkResult<T> = { succeeded: T[]; failed: { name: string; why: string }[] }

/** The number of failures that are told one by one. */
const MAX_FAILURES = 3

/** Runs an action on each row, one after another, and continues after failures. */
export async function forEach<T>(
  rows: readonly T[],
  nameOf: (row: T) => string,
  work: (row: T) => Promise<unknown>,
): Promise<BulkResult<T>> {
  const result: BulkResult<T> = { succeeded: [], failed: [] }
  for (const row of rows) {
    try {
      await work(row)
      result.succeeded.push(row)
    } catch (thrown) {
      result.failed.push({ name: nameOf(row), why: asProblem(thrown).message })
    }
  }
  return result
}

/** Summarizes a bulk action: "3 users deactivated. tom: Not allowed." */
export function bulkSummary<T>({ succeeded, failed }: BulkResult<T>, done: (rows: readonly T[]) => string): string {
  const more = failed.length - MAX_FAILURES
  return [
    ...(succeeded.length > 0 ? [done(succeeded)] : []),
    ...failed.slice(0, MAX_FAILURES).map(({ name, why }) => `${name}: ${why}`),
    ...(more > 0 ? [`${more} more failed.`] : []),
  ].join(' ')
}

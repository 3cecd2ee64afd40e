import { useState } from 'react'
import { showToast } from '../ui/toast'
import { bulkSummary, forEach } from './bulk'

type Action<T> = {
  work: (row: T) => Promise<unknown>
  /** Describes what was done with the rows that succeeded. */
  done: (rows: readonly T[]) => string
}

/** Runs an action on each row, and shows a summary. */
export function useBulk<T>(nameOf: (row: T) => string) {
  const [isBusy, setBusy] = useState(false)
  const run = async (rows: readonly T[], { work, done }: Action<T>) => {
    setBusy(true)
    const result = await forEach(rows, nameOf, work)
    setBusy(false)
    showToast({ message: bulkSummary(result, done), isPartial: result.failed.length > 0 })
  }
  return { run, isBusy }
}

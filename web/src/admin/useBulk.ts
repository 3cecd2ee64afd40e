import { notifications } from '@mantine/notifications'
import { useState } from 'react'
import { bulkSummary, forEach } from './bulk'

/** Runs an action on each row, and shows a summary. */
export function useBulk<T>(rows: readonly T[], nameOf: (row: T) => string) {
  const [isBusy, setBusy] = useState(false)
  const run = async (work: (row: T) => Promise<unknown>) => {
    setBusy(true)
    const result = await forEach(rows, nameOf, work)
    setBusy(false)
    notifications.show({ color: result.failed.length > 0 ? 'orange' : 'teal', message: bulkSummary(result) })
  }
  return { run, isBusy }
}

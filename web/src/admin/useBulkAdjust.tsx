import { useState } from 'react'
import { notifyProblem } from '../ui/confirm'
import { showToast } from '../ui/toast'
import { BulkAdjustDialog } from './BulkAdjustDialog'
import type { BulkSelection, BulkTarget } from './bulkTarget'

/** Adjusts the balances of the selected users: `open` asks the server who they are, and opens the dialog. */
export function useBulkAdjust(selection: BulkSelection, onDone: () => void) {
  const [adjusted, setAdjusted] = useState<BulkTarget | null>(null)
  const [isLoading, setLoading] = useState(false)

  const open = () => {
    setLoading(true)
    selection
      .target()
      .then((target) => {
        if (target.changed > 0) setAdjusted(target)
        else showToast({ message: 'No balance to adjust here. Staff and superusers are changed one by one.' })
      })
      .catch(notifyProblem)
      .finally(() => setLoading(false))
  }
  const dialog = (
    <BulkAdjustDialog target={adjusted} onClose={() => setAdjusted(null)} onConflict={open} onDone={onDone} />
  )
  return { open, isLoading, dialog }
}

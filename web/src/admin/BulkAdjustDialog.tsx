import { Modal } from '@mantine/core'
import { useRef } from 'react'
import { pluralize } from '../format/numbers'
import { AdjustBalancesDocument } from '../gql/admin'
import { mutate } from '../graphql/client'
import { asProblem } from '../graphql/problem'
import { useViewer } from '../session/context'
import { showToast } from '../ui/toast'
import { useLast } from '../ui/useLast'
import { AdjustForm, type Adjustment } from './AdjustForm'
import { adjustedLabel } from './bulkLabels'
import { BulkRequest } from './bulkRequest'
import type { BulkTarget } from './bulkTarget'

type Props = {
  /** Whose balances are adjusted; null if the dialog is closed. */
  target: BulkTarget | null
  onClose: () => void
  /** Called if others match by now than were confirmed. */
  onConflict: () => void
  onDone: () => void
}

/** The dialog that adjusts the balances of several users: how many, some of their names, and the sum. */
export function BulkAdjustDialog({ target, onClose, onConflict, onDone }: Props) {
  const { client } = useViewer()
  const shown = useLast(target)
  const request = useRef(new BulkRequest())

  const adjust = async ({ filter, count }: BulkTarget, { amount, reason }: Adjustment) => {
    const change = { filter, expectedCount: count, amount, reason }
    try {
      const done = await request.current.run(change, (idempotencyKey) =>
        mutate(client, AdjustBalancesDocument, { input: { ...change, idempotencyKey } }),
      )
      showToast({ message: adjustedLabel(amount, done), isPartial: done.skippedOutOfRange > 0 })
    } catch (thrown) {
      if (asProblem(thrown).code === 'CONFLICT') onConflict()
      throw thrown
    }
    onClose()
    onDone()
  }

  return (
    <Modal
      opened={target !== null}
      onClose={onClose}
      title={shown && `Adjust the balances of ${pluralize(shown.changed, 'user')}`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {target && <AdjustForm current={null} several={target} onSubmit={(adjustment) => adjust(target, adjustment)} />}
    </Modal>
  )
}

import { Button, Text } from '@mantine/core'
import { useState, type ReactNode } from 'react'
import { formatCount } from '../format/numbers'
import { notifyProblem } from '../ui/confirm'
import { showToast } from '../ui/toast'
import { BulkAdjustDialog } from './BulkAdjustDialog'
import { BulkBar } from './BulkBar'
import type { BulkSelection, BulkTarget } from './bulkTarget'
import { useBulkActive } from './useBulkActive'

type Props = {
  selection: BulkSelection
  /** Reloads the list; the selection stays, for what comes next. */
  onDone: () => void
  /** Buttons that change the selection. */
  children?: ReactNode
}

/** The actions on the selected users, or on all who match. */
export function UserBulk({ selection, onDone, children }: Props) {
  const { active, inactive, operators } = selection
  const { setActive, isBusy } = useBulkActive(onDone)
  const [adjusted, setAdjusted] = useState<BulkTarget | null>(null)
  const [isLoading, setLoading] = useState(false)

  const openAdjust = () => {
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
  const button = { size: 'xs', variant: 'default' } as const
  return (
    <BulkBar selected={selection.label}>
      <Button {...button} disabled={isBusy || inactive === 0} onClick={() => setActive(selection, true)}>
        Activate{inactive ? ` ${formatCount(inactive)}` : ''}…
      </Button>
      <Button {...button} disabled={isBusy || active === 0} onClick={() => setActive(selection, false)}>
        Deactivate{active ? ` ${formatCount(active)}` : ''}…
      </Button>
      <Button
        {...button}
        loading={isLoading}
        disabled={isBusy || (active === 0 && inactive === 0)}
        onClick={openAdjust}
      >
        Adjust balances…
      </Button>
      {children}
      {operators !== 0 && (
        <Text size="xs" c="dimmed">
          Staff and superusers are skipped: change them on their own pages.
        </Text>
      )}
      <BulkAdjustDialog target={adjusted} onClose={() => setAdjusted(null)} onConflict={openAdjust} onDone={onDone} />
    </BulkBar>
  )
}

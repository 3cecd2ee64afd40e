import { Button, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { formatCount } from '../format/numbers'
import { BulkBar } from './BulkBar'
import type { BulkSelection } from './bulkTarget'
import { useBulkActive } from './useBulkActive'
import { useBulkAdjust } from './useBulkAdjust'

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
  const adjust = useBulkAdjust(selection, onDone)
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
        loading={adjust.isLoading}
        disabled={isBusy || (active === 0 && inactive === 0)}
        onClick={adjust.open}
      >
        Adjust balances…
      </Button>
      {children}
      {operators !== 0 && (
        <Text size="xs" c="dimmed">
          Staff and superusers are skipped: change them on their own pages.
        </Text>
      )}
      {adjust.dialog}
    </BulkBar>
  )
}

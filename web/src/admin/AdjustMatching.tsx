import { Button, Group } from '@mantine/core'
import { formatCount } from '../format/numbers'
import type { BulkSelection } from './bulkTarget'
import { useBulkAdjust } from './useBulkAdjust'

type Props = { selection: BulkSelection; total: number; onDone: () => void }

/** Adjusts the balances of all who match the filters, without selecting them first. */
export function AdjustMatching({ selection, total, onDone }: Props) {
  const { open, isLoading, dialog } = useBulkAdjust(selection, onDone)
  return (
    <Group justify="flex-end" mb="sm">
      <Button size="xs" variant="default" loading={isLoading} onClick={open}>
        {total === 1 ? 'Adjust this balance…' : `Adjust all ${formatCount(total)} balances…`}
      </Button>
      {dialog}
    </Group>
  )
}

import { Group, Paper, Text } from '@mantine/core'
import type { ReactNode } from 'react'

/** The actions on the selected rows. */
export function BulkBar({ selected, children }: { selected: string; children: ReactNode }) {
  return (
    <Paper withBorder px="md" py="xs" mb="sm" role="region" aria-label="Selection">
      <Group gap="sm">
        <Text size="sm">{selected} selected</Text>
        {children}
      </Group>
    </Paper>
  )
}

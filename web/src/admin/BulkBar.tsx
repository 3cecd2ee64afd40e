import { Group, Paper, Text } from '@mantine/core'
import { useEffect, type ReactNode } from 'react'

/** The actions on the selected rows. */
export function BulkBar({ selected, children }: { selected: string; children: ReactNode }) {
  useEffect(() => keepFocus, [])
  return (
    <Paper withBorder px="md" py="xs" mb="sm" role="region" aria-label="Selection" tabIndex={-1}>
      <Group gap="sm">
        <Text size="sm" role="status">
          {selected} selected
        </Text>
        {children}
      </Group>
    </Paper>
  )
}

/** Milliseconds until a dialog that is closing has given the focus back. */
const CLOSING = [0, 100, 300, 600]

/** Moves the focus to the content of the page if it was in the bar that has gone away. */
function keepFocus(): void {
  for (const milliseconds of CLOSING) {
    setTimeout(() => {
      if (document.activeElement === document.body) document.getElementById('main')?.focus({ preventScroll: true })
    }, milliseconds)
  }
}

import { Group, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTitle } from '../ui/useTitle'

/** The heading of a page, with the actions on the whole page. */
export function AdminTitle({ title, children }: { title: string; children?: ReactNode }) {
  useTitle(title)
  return (
    <Group justify="space-between" mb="md">
      <Title order={1} size="h2" style={{ overflowWrap: 'anywhere' }}>
        {title}
      </Title>
      <Group gap="xs">{children}</Group>
    </Group>
  )
}

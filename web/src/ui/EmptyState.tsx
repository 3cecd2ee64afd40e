import { Center, Stack, Text, Title } from '@mantine/core'
import type { IconCoin } from '@tabler/icons-react'
import type { ReactNode } from 'react'

type Props = { Icon: typeof IconCoin; title: string; children?: ReactNode; action?: ReactNode }

/** A message in place of the content of a page. */
export function EmptyState({ Icon, title, children, action }: Props) {
  return (
    <Center mih="50dvh" p="md">
      <Stack align="center" ta="center" maw={460} gap="sm">
        <Icon size={44} stroke={1.4} aria-hidden />
        <Title order={1} size="h3">
          {title}
        </Title>
        {children && <Text c="dimmed">{children}</Text>}
        {action}
      </Stack>
    </Center>
  )
}

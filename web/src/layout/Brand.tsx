import { Anchor, Group, Text } from '@mantine/core'
import { Link } from 'react-router'

export function Brand() {
  return (
    <Anchor
      component={Link}
      to="/"
      underline="never"
      c="inherit"
      aria-label="Jeton, back to chat"
      style={{ flexShrink: 0 }}
    >
      <Group gap={6} wrap="nowrap">
        <img src="/favicon.svg" alt="" width={28} height={28} />
        <Text fw={700} visibleFrom="xs">
          Jeton
        </Text>
      </Group>
    </Anchor>
  )
}

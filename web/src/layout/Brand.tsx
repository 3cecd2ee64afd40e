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
      style={{
        display: 'inline-flex',
        alignItems: 'center',
        justifyContent: 'center',
        flexShrink: 0,
        minWidth: 44,
        minHeight: 44,
      }}
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

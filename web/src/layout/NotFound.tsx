import { Button, Center, Stack, Text, Title } from '@mantine/core'
import { IconMapQuestion } from '@tabler/icons-react'
import { Link } from 'react-router'
import { useTitle } from '../ui/useTitle'
import { Brand } from './Brand'

/** The page for unknown paths, for logged-in and anonymous users. */
export function NotFound() {
  useTitle('Not found')
  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack align="center" ta="center" maw={420}>
        <Brand />
        <IconMapQuestion size={48} stroke={1.4} aria-hidden />
        <Title order={1} size="h3">
          Page not found
        </Title>
        <Text c="dimmed" style={{ textWrap: 'balance' }}>
          The address may be mistyped, or the page was deleted.
        </Text>
        <Button component={Link} to="/">
          Back to chat
        </Button>
      </Stack>
    </Center>
  )
}

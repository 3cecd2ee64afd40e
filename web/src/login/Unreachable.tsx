import { Button, Center, Stack, Text, Title } from '@mantine/core'
import { IconPlugConnectedX } from '@tabler/icons-react'
import { useEffect } from 'react'
import { useSession } from '../session/context'

/** The page for an unreachable server at the start. Retries automatically. */
export function Unreachable() {
  const session = useSession()
  useEffect(() => {
    const retry = () => void session.start()
    window.addEventListener('online', retry)
    const timer = setInterval(retry, 10_000)
    return () => {
      window.removeEventListener('online', retry)
      clearInterval(timer)
    }
  }, [session])
  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack align="center" ta="center" maw={420}>
        <IconPlugConnectedX size={48} stroke={1.4} aria-hidden />
        <Title order={1} size="h3">
          The server can’t be reached
        </Title>
        <Text c="dimmed">Check your connection. This page retries automatically.</Text>
        <Button variant="default" onClick={() => void session.start()}>
          Try now
        </Button>
      </Stack>
    </Center>
  )
}

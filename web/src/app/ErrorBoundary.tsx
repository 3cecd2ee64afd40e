import { Button, Center, Stack, Text, Title } from '@mantine/core'
import { Component, type ReactNode } from 'react'

/** What is left to show when a page breaks: a new version may have taken the place of its files, or it has a fault. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false }

  static getDerivedStateFromError() {
    return { broken: true }
  }

  override render() {
    if (!this.state.broken) return this.props.children
    return (
      <Center component="main" mih="100dvh" p="md">
        <Stack align="center" ta="center" maw={420}>
          <Title order={1} size="h3">
            This page broke
          </Title>
          <Text c="dimmed">Nothing is lost: what was sent is on the server. Loading the page anew usually helps.</Text>
          <Button onClick={() => location.reload()}>Load anew</Button>
        </Stack>
      </Center>
    )
  }
}

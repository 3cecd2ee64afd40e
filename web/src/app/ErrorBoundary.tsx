import { Button, Center, Group, Stack, Text, Title } from '@mantine/core'
import { Component, type ReactNode } from 'react'
import { removeBoot } from './boot'

type Props = {
  children: ReactNode
  /** The current path. A change of it resets the error. */
  at?: string
}

type State = { broken: boolean; at: string | undefined }

/** Catches the errors of a page: it has a bug, or a new version of the client has replaced its files. */
export class ErrorBoundary extends Component<Props, State> {
  override state: State = { broken: false, at: this.props.at }

  static getDerivedStateFromError(): Partial<State> {
    return { broken: true }
  }

  static getDerivedStateFromProps({ at }: Props, state: State): State | null {
    return at === state.at ? null : { broken: false, at }
  }

  override componentDidCatch() {
    removeBoot()
  }

  override render() {
    if (!this.state.broken) return this.props.children
    return (
      <Center component="main" mih="100dvh" p="md">
        <Stack align="center" ta="center" maw={420}>
          <Title order={1} size="h3">
            Something went wrong on this page
          </Title>
          <Text c="dimmed">Nothing is lost: what you sent is on the server. Reloading usually helps.</Text>
          <Group>
            <Button onClick={() => location.reload()}>Reload</Button>
            <Button component="a" href="/" variant="default">
              Back to chat
            </Button>
          </Group>
        </Stack>
      </Center>
    )
  }
}

import { Alert, Button, Stack, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { problemText, type Problem } from '../graphql/problem'

type Props = { problem: Problem; onRetry?: () => void }

/** An error message, with a button to retry. */
export function ProblemAlert({ problem, onRetry }: Props) {
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle />} role="alert">
      <Stack gap="xs" align="start">
        <Text size="sm">{problemText(problem)}</Text>
        {onRetry && (
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  )
}

import { Card, Group, Stack, Text, Title } from '@mantine/core'
import { useId, type ReactNode } from 'react'

type Props = { title: string; description?: string; action?: ReactNode; children: ReactNode }

/** A section of a page, with a title. */
export function Section({ title, description, action, children }: Props) {
  const id = useId()
  return (
    <Card component="section" withBorder padding="lg" aria-labelledby={id}>
      <Stack>
        <Group justify="space-between" align="start">
          <div>
            <Title order={2} size="h4" id={id}>
              {title}
            </Title>
            {description && (
              <Text size="sm" c="dimmed">
                {description}
              </Text>
            )}
          </div>
          {action}
        </Group>
        {children}
      </Stack>
    </Card>
  )
}

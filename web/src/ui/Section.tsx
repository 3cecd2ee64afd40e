import { Card, Stack, Text, Title } from '@mantine/core'
import { useId, type ReactNode } from 'react'

type Props = { title: string; description?: string; children: ReactNode }

/** A titled part of a page. */
export function Section({ title, description, children }: Props) {
  const id = useId()
  return (
    <Card component="section" withBorder padding="lg" aria-labelledby={id}>
      <Stack>
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
        {children}
      </Stack>
    </Card>
  )
}

import { Card, SimpleGrid, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import type { Figure } from './figures'

/** The figures of a period, each with its change against the period before. */
export function Figures({
  figures,
  previous,
  children,
}: {
  figures: Figure[]
  previous: string
  children?: ReactNode
}) {
  return (
    <SimpleGrid component="ul" cols={{ base: 2, md: 3, xl: 4 }} spacing="sm" m={0} p={0} aria-label="Totals">
      {figures.map(({ label, value, details, change, before }) => (
        <FigureCard key={label} label={label} value={value} details={details}>
          {change && `${change} · `}
          {before !== undefined && `${before} in ${previous}`}
        </FigureCard>
      ))}
      {children}
    </SimpleGrid>
  )
}

type CardProps = { label: string; value: string; details?: string | undefined; children?: ReactNode }

/** One figure. */
export function FigureCard({ label, value, details, children }: CardProps) {
  return (
    <Card component="li" withBorder padding="sm" style={{ listStyle: 'none' }}>
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      <Text size="xl" fw={650} style={{ fontVariantNumeric: 'tabular-nums' }}>
        {value}
      </Text>
      {details && <Text size="xs">{details}</Text>}
      {children && (
        <Text size="xs" c="dimmed">
          {children}
        </Text>
      )}
    </Card>
  )
}

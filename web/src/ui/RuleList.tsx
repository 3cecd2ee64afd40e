import { List } from '@mantine/core'

/** The rules of a field, as its description. */
export function RuleList({ lines }: { lines: readonly string[] }) {
  return (
    <List size="xs" c="dimmed">
      {lines.map((line) => (
        <List.Item key={line}>{line}</List.Item>
      ))}
    </List>
  )
}

import { Badge, Button, Code, Stack, Text } from '@mantine/core'
import { Day } from '../ui/Day'
import { RelativeTime } from '../ui/RelativeTime'
import type { Column } from '../ui/RowsTable'
import classes from '../ui/ui.module.css'
import { keyState, scopesLabel, spendingLines, type Key } from './keyLabels'

/** Returns the columns of a table of API keys. */
export function keyColumns(revoke: (key: Key) => void): Column<Key>[] {
  return [
    { header: 'Key', cell: ({ name, prefix }) => <NameOfKey name={name} prefix={prefix} /> },
    { header: 'Permissions', cell: ({ scopes }) => scopesLabel(scopes) },
    { header: 'Models', cell: ({ models }) => models?.join(', ') ?? 'all' },
    { header: 'Spent', cell: ({ spending, payer }) => <Spent lines={spendingLines(spending, payer)} /> },
    { header: 'Last used', cell: ({ lastUsedAt }) => (lastUsedAt ? <RelativeTime iso={lastUsedAt} /> : 'never') },
    { header: 'Expires', cell: ({ expiresAt }) => (expiresAt ? <Day iso={expiresAt} /> : 'never') },
    { header: 'Status', cell: (key) => <State apiKey={key} onRevoke={() => revoke(key)} /> },
  ]
}

function NameOfKey({ name, prefix }: { name: string; prefix: string }) {
  return (
    <>
      <div className={classes.name} title={name}>
        {name}
      </div>
      <div>
        <Code className={classes.nowrap}>{prefix}…</Code>
      </div>
    </>
  )
}

function Spent({ lines }: { lines: string[] }) {
  return lines.map((line, index) => (
    <Text key={line} size={index === 0 ? 'sm' : 'xs'} className={classes.nowrap}>
      {line}
    </Text>
  ))
}

function State({ apiKey, onRevoke }: { apiKey: Key; onRevoke: () => void }) {
  const state = keyState(apiKey)
  return (
    <Stack gap={4} align="start">
      <Badge color={state === 'active' ? 'teal' : 'gray'} variant="light" miw="max-content">
        {state}
      </Badge>
      {state === 'active' && (
        <Button size="compact-xs" variant="default" aria-label={`Revoke ${apiKey.name}`} onClick={onRevoke}>
          Revoke…
        </Button>
      )}
    </Stack>
  )
}

import { Alert, Button, Group, Stack, Text, Textarea } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { IconAlertTriangle, IconCheck, IconCopy } from '@tabler/icons-react'

type Props = { secret: string; isRotated: boolean; onClose: () => void }

/** Shows the secret of a webhook, once. */
export function WebhookSecret({ secret, isRotated, onClose }: Props) {
  const { copied, copy, error } = useClipboard({ timeout: 3000 })
  return (
    <Stack gap="sm">
      <Alert color="orange" variant="light" icon={<IconAlertTriangle />} title="Copy it now">
        You won’t see it again. The receiver checks the signature of each request with it.
      </Alert>
      <Textarea
        label="Secret"
        // Can be copied manually if the browser denies the clipboard, as it does on plain http.
        readOnly
        autosize
        value={secret}
        onFocus={(event) => event.currentTarget.select()}
        spellCheck={false}
        autoComplete="off"
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', wordBreak: 'break-all' } }}
        error={error ? 'It could not be copied. Select it and copy it manually.' : null}
      />
      {isRotated && (
        <Text size="sm">The previous secret signs too for 24 hours, so that you can change the receiver.</Text>
      )}
      <Group justify="space-between">
        <Button
          leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
          onClick={() => copy(secret)}
          data-autofocus
        >
          {copied ? 'Copied' : 'Copy the secret'}
        </Button>
        <Button variant="default" onClick={onClose}>
          Done
        </Button>
      </Group>
    </Stack>
  )
}

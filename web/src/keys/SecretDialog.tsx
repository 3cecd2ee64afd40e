import { Alert, Button, Group, Modal, Stack, Text, Textarea } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { IconAlertTriangle, IconCheck, IconCopy } from '@tabler/icons-react'
import { CodeBlock } from '../chat/markdown/CodeBlock'
import { usageExample, type Key } from './keyLabels'

/** A created key with its secret, which the server returns only once. */
export type CreatedKey = { secret: string; key: Key }

type Props = { created: CreatedKey | null; onClose: () => void }

/** Shows the secret of a created key, once. Closes by its buttons only: a click outside must not lose the secret. */
export function SecretDialog({ created, onClose }: Props) {
  return (
    <Modal
      opened={created !== null}
      onClose={onClose}
      title="Your new API key"
      size="xl"
      closeOnClickOutside={false}
      closeOnEscape={false}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {created && <Secret created={created} onClose={onClose} />}
    </Modal>
  )
}

function Secret({ created: { secret, key }, onClose }: { created: CreatedKey; onClose: () => void }) {
  const { copied, copy, error } = useClipboard({ timeout: 3000 })
  return (
    <Stack gap="sm">
      <Alert color="orange" variant="light" icon={<IconAlertTriangle />} title="Copy it now">
        You won’t see it again. Anyone who has it can use it, so keep it like a password.
      </Alert>
      <Textarea
        label={key.name}
        // Can be copied manually if the browser denies the clipboard, as it does on plain http.
        readOnly
        autosize
        value={secret}
        onFocus={(event) => event.currentTarget.select()}
        // Some browsers send the text that they check to their vendor.
        spellCheck={false}
        autoComplete="off"
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', wordBreak: 'break-all' } }}
        error={error ? 'It could not be copied. Select it and copy it manually.' : null}
      />
      <Group>
        <Button
          leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
          onClick={() => copy(secret)}
          data-autofocus
        >
          {copied ? 'Copied' : 'Copy the key'}
        </Button>
      </Group>
      <Usage scopes={key.scopes} secret={secret} />
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Done
        </Button>
      </Group>
    </Stack>
  )
}

/** The instructions for the use of a key. */
function Usage({ scopes, secret }: Pick<Key, 'scopes'> & { secret: string }) {
  const { origin } = window.location
  if (!scopes.includes('COMPLETIONS')) {
    return <Text size="sm">Send it in the header Authorization: Bearer, to {origin}/graphql.</Text>
  }
  return (
    <>
      <Text size="sm">
        Use it in any OpenAI-compatible app, with the base URL{' '}
        <strong style={{ overflowWrap: 'anywhere' }}>{origin}/v1</strong>. In Python:
      </Text>
      <CodeBlock code={usageExample(origin, secret)} language="python" />
    </>
  )
}

import { Button, Group, Text } from '@mantine/core'
import { useState } from 'react'
import { notifyProblem } from '../../ui/confirm'
import page from '../chat.module.css'

/** The notice that a linked message is in another version of the conversation, with a button that brings it there. */
export function OtherVersionNotice({ onShow }: { onShow: () => Promise<void> }) {
  const [isBusy, setBusy] = useState(false)
  const show = async () => {
    setBusy(true)
    try {
      await onShow()
    } catch (thrown) {
      notifyProblem(thrown)
      setBusy(false)
    }
  }
  return (
    <Group className={page.column} role="status" py="xs" gap="sm" wrap="nowrap" justify="space-between">
      <Text size="sm">This message is in another version of the chat.</Text>
      <Button size="xs" variant="default" loading={isBusy} flex="none" onClick={() => void show()}>
        Show it
      </Button>
    </Group>
  )
}

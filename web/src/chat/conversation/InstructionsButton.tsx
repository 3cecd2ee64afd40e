import { ActionIcon, Tooltip } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconAdjustments } from '@tabler/icons-react'
import { lazy, Suspense, useRef } from 'react'
import { UpdateConversationDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { useViewer } from '../../session/context'
import type { OpenConversation } from '../chat'

const InstructionsDialog = lazy(() => import('./InstructionsDialog'))

/** A button that shows and changes the instructions of a conversation, which its next messages use. */
export function InstructionsButton({ conversation }: { conversation: OpenConversation }) {
  const { client } = useViewer()
  const button = useRef<HTMLButtonElement>(null)
  // The dialog is removed at once, so it cannot return the focus itself.
  const [isOpen, dialog] = useDisclosure(false, { onClose: () => setTimeout(() => button.current?.focus()) })
  const { id, systemPrompt, model, payer } = conversation
  const label = systemPrompt ? 'Edit instructions' : 'Add instructions'
  return (
    <>
      <Tooltip label={label}>
        <ActionIcon
          ref={button}
          variant={systemPrompt ? 'light' : 'subtle'}
          color={systemPrompt ? 'teal' : 'gray'}
          size="lg"
          aria-label={label}
          onClick={dialog.open}
        >
          <IconAdjustments size={18} />
        </ActionIcon>
      </Tooltip>
      {isOpen && (
        <Suspense>
          <InstructionsDialog
            initial={{ systemPrompt, model, payerGroupId: payer?.id ?? null }}
            withPayer
            onClose={dialog.close}
            onSave={async (instructions) => {
              await mutate(client, UpdateConversationDocument, { input: { conversationId: id, ...instructions } })
            }}
          />
        </Suspense>
      )}
    </>
  )
}

import { Button, Center, Stack, Text, Title } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconAdjustments } from '@tabler/icons-react'
import { lazy, Suspense, useRef, useState } from 'react'
import { useNavigate } from 'react-router'
import { CreateConversationDocument, DeleteConversationDocument, StartMessageDocument } from '../../gql/chat'
import { mutate } from '../../graphql/client'
import { asProblem } from '../../graphql/problem'
import { withNetworkRetry } from '../../graphql/retry'
import { useViewer } from '../../session/context'
import { useTitle } from '../../ui/useTitle'
import type { Chat } from '../chat'
import classes from '../chat.module.css'
import { Composer } from '../composer/Composer'
import { drafts } from '../composer/drafts'
import type { OutgoingMessage } from '../composer/outbox'
import type { Instructions } from './InstructionsDialog'

const InstructionsDialog = lazy(() => import('./InstructionsDialog'))

const EXAMPLES = [
  'Explain how rainbows form, for a ten-year-old.',
  'Write a short and friendly email that moves a meeting to Thursday.',
  'What can I cook with rice, eggs and a few vegetables?',
]

const DRAFT = 'new'

const NO_CHATS: readonly Chat[] = []

const NO_CONTEXT = {}

/** The page of a new chat. The conversation is created when the first message is sent. */
export function NewConversation({ onCreated }: { onCreated: () => void }) {
  const { client } = useViewer()
  const navigate = useNavigate()
  const [instructions, setInstructions] = useState<Instructions | null>(null)
  const button = useRef<HTMLButtonElement>(null)
  // The dialog is removed at once, so it cannot return the focus itself.
  const [isDialogOpen, dialog] = useDisclosure(false, { onClose: () => setTimeout(() => button.current?.focus()) })
  const [example, setExample] = useState(0)
  // The conversation of a message that was not delivered: a retry uses it.
  const createdId = useRef<string | null>(null)
  useTitle('')

  const send = async ({ message, model, idempotencyKey }: OutgoingMessage) => {
    createdId.current ??= await create(instructions, model)
    const conversationId = createdId.current
    const input = { message, model, idempotencyKey, conversationId }
    try {
      await withNetworkRetry(() => mutate(client, StartMessageDocument, { input }))
    } catch (thrown) {
      if (asProblem(thrown).code !== 'NETWORK') {
        // Rejected: deletes the empty conversation, which remains if this fails, too.
        createdId.current = null
        mutate(client, DeleteConversationDocument, { input: { conversationId } }).catch(() => undefined)
      }
      throw thrown
    }
    drafts.delete(DRAFT)
    onCreated()
    void navigate(`/c/${encodeURIComponent(conversationId)}`)
  }

  const create = async (given: Instructions | null, model: string | null) => {
    const input = { systemPrompt: given?.systemPrompt ?? null, model }
    const { conversation } = await mutate(client, CreateConversationDocument, { input })
    if (!conversation) throw asProblem(null)
    return conversation.id
  }

  return (
    <section className={classes.pane} aria-label="New chat">
      <div className={classes.scroll}>
        <Center mih="100%" p="md">
          <Stack align="center" maw={560} ta="center">
            <Title order={1} size="h2">
              What can I help with?
            </Title>
            <Text c="dimmed">Write a message below, or try one of these:</Text>
            <Stack w="100%" gap="xs">
              {EXAMPLES.map((text) => (
                <Button
                  key={text}
                  variant="default"
                  h="auto"
                  py="sm"
                  styles={{ label: { whiteSpace: 'normal', lineHeight: 1.4, fontWeight: 400 } }}
                  onClick={() => {
                    drafts.set(DRAFT, text)
                    setExample(example + 1)
                  }}
                >
                  {text}
                </Button>
              ))}
            </Stack>
            <Button ref={button} variant="subtle" leftSection={<IconAdjustments size={18} />} onClick={dialog.open}>
              {instructions?.systemPrompt ? 'Edit instructions' : 'Add instructions'}
            </Button>
          </Stack>
        </Center>
      </div>
      {isDialogOpen && (
        <Suspense>
          <InstructionsDialog
            initial={instructions}
            onClose={dialog.close}
            onSave={(chosen) => {
              setInstructions(chosen)
              return Promise.resolve()
            }}
          />
        </Suspense>
      )}
      <Composer
        key={example}
        draftOf={DRAFT}
        pending={NO_CHATS}
        hasFailed={false}
        preferredModel={instructions?.model ?? null}
        // Instructions are a part of the cost, and the server does not have them yet.
        estimateIn={instructions?.systemPrompt ? null : NO_CONTEXT}
        onSend={send}
        onStopped={() => undefined}
      />
    </section>
  )
}

import { Button, Group, Modal, Select, Stack, Textarea } from '@mantine/core'
import { useForm } from '@mantine/form'
import { excessLength, textLength } from '../composer/length'
import { useLimits } from '../composer/useLimits'
import { useModels } from '../composer/useModels'

/** The system prompt and the model of a new conversation. */
export type Instructions = { systemPrompt: string | null; model: string | null }

type Props = {
  initial: Instructions | null
  onClose: () => void
  onChosen: (instructions: Instructions) => void
}

/** The dialog for the system prompt and the model of a new conversation. */
export default function InstructionsDialog({ initial, onClose, onChosen }: Props) {
  const { models, selectedModel } = useModels(initial?.model ?? null)
  const maxLength = useLimits().systemPrompt
  const form = useForm<{ systemPrompt: string; model: string | null }>({
    initialValues: { systemPrompt: initial?.systemPrompt ?? '', model: initial?.model ?? null },
    validate: {
      systemPrompt: (text) => excessLength(textLength(text.trim()), maxLength),
    },
  })
  return (
    <Modal opened onClose={onClose} title="Instructions" closeButtonProps={{ 'aria-label': 'Close' }} size="lg">
      <form
        onSubmit={form.onSubmit(({ systemPrompt, model }) => {
          const text = systemPrompt.trim()
          onChosen({ systemPrompt: text === '' ? null : text, model })
        })}
      >
        <Stack>
          <Textarea
            label="Instructions"
            description="Sent with every message of this chat."
            placeholder="Answer in French, and keep it short."
            autosize
            minRows={4}
            maxRows={12}
            data-autofocus
            {...form.getInputProps('systemPrompt')}
          />
          <Select
            label="Model"
            data={models}
            value={form.values.model ?? selectedModel}
            allowDeselect={false}
            onChange={(model) => form.setFieldValue('model', model)}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit">Save</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

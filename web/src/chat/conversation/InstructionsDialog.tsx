import { Button, Group, Modal, Stack, Textarea } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { asProblem, type Problem } from '../../graphql/problem'
import { PayerSelect } from '../../groups/PayerSelect'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { excessLength, textLength } from '../composer/length'
import { useLimits } from '../composer/useLimits'
import { ModelSelect } from '../models/ModelSelect'
import { firstAvailable, useModels } from '../models/useModels'

/** The system prompt, the model and the payer of a conversation. */
export type Instructions = { systemPrompt: string | null; model: string | null; payerGroupId?: string | null }

type Props = {
  initial: Instructions | null
  /** Whether it asks who pays. */
  withPayer?: boolean
  onClose: () => void
  /** Throws if the instructions are rejected. */
  onSave: (instructions: Instructions) => Promise<void>
}

/** The dialog for the system prompt, the model and the payer of a conversation. */
export default function InstructionsDialog({ initial, withPayer = false, onClose, onSave }: Props) {
  const models = useModels([initial?.model ?? null])
  const maxLength = useLimits().systemPrompt
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isBusy, setBusy] = useState(false)
  const form = useForm<{ systemPrompt: string; model: string | null; payerGroupId: string | null }>({
    initialValues: {
      systemPrompt: initial?.systemPrompt ?? '',
      model: initial?.model ?? null,
      payerGroupId: initial?.payerGroupId ?? null,
    },
    validate: {
      systemPrompt: (text) => excessLength(textLength(text.trim()), maxLength),
    },
  })

  const save = async ({ systemPrompt, model, payerGroupId }: typeof form.values) => {
    const text = systemPrompt.trim()
    setBusy(true)
    setProblem(null)
    try {
      await onSave({ systemPrompt: text === '' ? null : text, model, ...(withPayer && { payerGroupId }) })
      onClose()
    } catch (thrown) {
      setProblem(asProblem(thrown))
      setBusy(false)
    }
  }

  return (
    <Modal opened onClose={onClose} title="Instructions" closeButtonProps={{ 'aria-label': 'Close' }} size="lg">
      <form onSubmit={form.onSubmit((values) => void save(values))}>
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
          <ModelSelect
            label="Model"
            models={models}
            selected={firstAvailable(models, form.values.model)}
            onSelect={(model) => form.setFieldValue('model', model)}
          />
          {withPayer && (
            <PayerSelect
              value={form.values.payerGroupId}
              onChange={(groupId) => form.setFieldValue('payerGroupId', groupId)}
            />
          )}
          {problem && <ProblemAlert problem={problem} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={isBusy}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

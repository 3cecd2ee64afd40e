import { Button, FileInput, Group, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { IconFileText } from '@tabler/icons-react'
import { useState } from 'react'
import { ProposePricesDocument } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { useViewer } from '../../session/context'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { useMutationForm } from '../../ui/useMutationForm'
import { MAX_FILE_BYTES, mergeProposals, splitList, type Proposals, type ProposalsPart } from './priceList'
import { ProposalList } from './ProposalList'

type Props = { onApplied: () => void }

type Values = { file: File | null; list: string; markup: string }

/** Compares a price list with the models, and applies the prices that are chosen. */
export function ProposePrices({ onApplied }: Props) {
  const [found, setFound] = useState<Proposals | null>(null)
  if (found) return <ProposalList found={found} onBack={() => setFound(null)} onApplied={onApplied} />
  return <ListForm onFound={setFound} />
}

function ListForm({ onFound }: { onFound: (found: Proposals) => void }) {
  const { client } = useViewer()
  const { form, submit, problem, isBusy } = useMutationForm<Values>(
    {
      initialValues: { file: null, list: '', markup: '' },
      validate: {
        file: (file) => (file && file.size > MAX_FILE_BYTES ? 'The file has more than 16 MiB.' : null),
        list: (list, { file }) => (!file && list.trim() === '' ? 'Choose a file, or paste a price list.' : null),
      },
    },
    async ({ file, list, markup }) => {
      const text = file ? await file.text() : list
      const parts: ProposalsPart[] = []
      for (const part of splitList(text)) {
        let after: string | null = null
        do {
          const input: { list: string; markup?: string; after: string | null } = { list: part, after }
          if (markup.trim() !== '') input.markup = markup
          const page = await mutate(client, ProposePricesDocument, { input })
          parts.push(page)
          after = page.hasMore ? (page.proposals.at(-1)?.model ?? null) : null
        } while (after !== null)
      }
      onFound(mergeProposals(parts))
    },
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        {problem && <ProblemAlert problem={problem} />}
        <Text size="sm">
          A price list of LiteLLM (model_prices_and_context_window.json), of OpenRouter (/api/v1/models), or in Jeton’s
          own format. Nothing is changed before you apply prices.
        </Text>
        <FileInput
          label="File"
          placeholder="Choose a file"
          accept="application/json,.json"
          clearable
          clearButtonProps={{ 'aria-label': 'Remove file' }}
          leftSection={<IconFileText size={16} aria-hidden />}
          {...form.getInputProps('file')}
        />
        {form.values.file === null && (
          <Textarea label="Or paste it" rows={5} spellCheck={false} {...form.getInputProps('list')} />
        )}
        {form.values.file !== null && form.errors.list && (
          <Text size="sm" c="var(--mantine-color-error)" role="alert">
            {form.errors.list}
          </Text>
        )}
        <TextInput
          label="Markup"
          description="A factor such as 1.2, or a percentage such as 20%"
          placeholder="None"
          {...form.getInputProps('markup')}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            Compare
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

import { Button, Checkbox, Group, Stack, Text, Title } from '@mantine/core'
import { useState } from 'react'
import { formatCount, pluralize } from '../../format/numbers'
import { formatTokens } from '../../format/prices'
import { ApplyPricesDocument } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { asProblem, type Problem } from '../../graphql/problem'
import { useViewer } from '../../session/context'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { RowCards } from '../../ui/RowCards'
import type { Column, Selection } from '../../ui/RowsTable'
import { showToast } from '../../ui/toast'
import { useIsPhone } from '../../ui/useIsPhone'
import { WideTable } from '../../ui/WideTable'
import {
  applyInputs,
  divide,
  formatChange,
  PART_LABELS,
  shownChanges,
  type Proposal,
  type Proposals,
} from './priceList'

type Props = { found: Proposals; onBack: () => void; onApplied: () => void }

/** The differences of a price list: those to apply, those that are held back, and what has none. */
export function ProposalList({ found, onBack, onApplied }: Props) {
  const { client } = useViewer()
  const { offered, heldBack, failed, sameCount } = divide(found.proposals)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(offered.map(({ id }) => id)))
  const [confirmed, setConfirmed] = useState<ReadonlySet<string>>(new Set())
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isBusy, setBusy] = useState(false)
  const applied = [...offered.filter(({ id }) => chosen.has(id)), ...heldBack.filter(({ id }) => confirmed.has(id))]

  const apply = async () => {
    setProblem(null)
    try {
      for (const input of applyInputs(applied)) await mutate(client, ApplyPricesDocument, { input })
      showToast({ message: `${pluralize(applied.length, 'price')} set.` })
      onApplied()
    } catch (thrown) {
      setProblem(asProblem(thrown))
    }
  }
  const submit = () => {
    setBusy(true)
    void apply().finally(() => setBusy(false))
  }
  const confirm = (id: string, isConfirmed: boolean) => {
    const next = new Set(confirmed)
    if (isConfirmed) next.add(id)
    else next.delete(id)
    setConfirmed(next)
  }
  const confirmColumn: Column<Proposal> = {
    header: 'Confirm',
    cell: ({ id, title }) => (
      <Checkbox
        aria-label={`Confirm ${title}`}
        checked={confirmed.has(id)}
        onChange={(event) => confirm(id, event.currentTarget.checked)}
      />
    ),
  }
  return (
    <Stack gap="md">
      {problem && <ProblemAlert problem={problem} />}
      <Text size="sm" role="status">
        {`${pluralize(offered.length + heldBack.length, 'price')} ${offered.length + heldBack.length === 1 ? 'differs' : 'differ'}, ${formatCount(sameCount)} stay. `}
        {`1 unit of the list’s currency is worth ${formatTokens(found.tokensPerUnit)}.`}
      </Text>
      {offered.length > 0 && (
        <ProposalRows
          title="Changes"
          rows={offered}
          columns={COLUMNS}
          selection={{ ids: chosen, onChange: setChosen }}
        />
      )}
      {heldBack.length > 0 && (
        <ProposalRows title="Held back" rows={heldBack} columns={[...COLUMNS, confirmColumn]}>
          By more than a factor of ten, or to or from zero. Each is applied only if you confirm it.
        </ProposalRows>
      )}
      {failed.length > 0 && <ProposalRows title="Without a price" rows={failed} columns={PROBLEM_COLUMNS} />}
      {found.unmatchedCount > 0 && (
        <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {`Not in the list: ${unmatchedLabel(found)}.`}
        </Text>
      )}
      <Group justify="flex-end">
        <Button variant="default" onClick={onBack}>
          Back
        </Button>
        <Button onClick={submit} loading={isBusy} disabled={applied.length === 0}>
          {applied.length === 0 ? 'Apply prices' : `Apply ${pluralize(applied.length, 'price')}`}
        </Button>
      </Group>
    </Stack>
  )
}

const NAME: Column<Proposal> = {
  header: 'Model',
  cell: ({ title, entry }) => (
    <Stack gap={0}>
      <Text span size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
        {title}
      </Text>
      {entry !== title && (
        <Text span size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {entry}
        </Text>
      )}
    </Stack>
  ),
}

const COLUMNS: Column<Proposal>[] = [
  NAME,
  {
    header: 'Price in tokens',
    cell: ({ note, ...proposal }) => (
      <Stack gap={2}>
        {shownChanges(proposal).map((change) => (
          <Text span size="sm" key={change.part} fw={change.needsConfirmation ? 600 : undefined}>
            {`${PART_LABELS[change.part]}: ${formatChange(change)}`}
          </Text>
        ))}
        {note !== null && (
          <Text span size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {note}
          </Text>
        )}
      </Stack>
    ),
  },
]

const PROBLEM_COLUMNS: Column<Proposal>[] = [NAME, { header: 'Problem', cell: ({ problem }) => problem }]

type RowsProps = {
  title: string
  rows: readonly Proposal[]
  columns: readonly Column<Proposal>[]
  selection?: Selection
  children?: string
}

function ProposalRows({ title, rows, columns, selection, children }: RowsProps) {
  const isPhone = useIsPhone()
  const nameOf = (row: Proposal) => row.title
  const view = { rows, isLoading: false, columns, nameOf, isDimmed: () => false, selection }
  return (
    <Stack gap="xs" component="section" aria-label={title}>
      <Title order={3} size="h5">
        {title}
      </Title>
      {children !== undefined && <Text size="sm">{children}</Text>}
      {isPhone ? <RowCards {...view} /> : <WideTable {...view} minWidth={520} />}
    </Stack>
  )
}

function unmatchedLabel({ unmatched, unmatchedCount }: Proposals): string {
  const more = unmatchedCount - unmatched.length
  const names = unmatched.join(', ')
  if (more <= 0) return names
  return names === '' ? pluralize(more, 'model') : `${names} and ${formatCount(more)} more`
}

import { Button, Group, Input, NumberInput, SegmentedControl, Stack, Text, TextInput } from '@mantine/core'
import { summarizeNames } from '../format/names'
import { formatCount, formatSigned } from '../format/numbers'
import { ProblemAlert } from '../ui/ProblemAlert'
import { useMutationForm } from '../ui/useMutationForm'
import { parseAdjustment, PRESETS } from './adjustment'
import { adjustmentSum, staffLabel } from './bulkLabels'
import type { BulkTarget } from './bulkTarget'

/** A change of a balance, positive or negative, and its reason. */
export type Adjustment = { amount: number; reason: string }

type Props = {
  /** The current balance; null for several users, whose balances can only be changed by an amount. */
  current: number | null
  /** Who can read the reason. */
  readers?: string
  /** Several users. */
  several?: Pick<BulkTarget, 'names' | 'changed' | 'count'>
  /** The amount that is filled in at first. */
  amount?: number | undefined
  onSubmit: (adjustment: Adjustment) => Promise<void>
}

/** The form for an adjustment of a balance: by an amount, or to one. */
export function AdjustForm({ current, readers = 'The user', several, amount: initialAmount, onSubmit }: Props) {
  const { form, submit, problem, isBusy } = useMutationForm<{
    mode: 'by' | 'to'
    amount: number | string
    reason: string
  }>(
    {
      initialValues: { mode: 'by', amount: initialAmount ?? '', reason: '' },
      validate: {
        amount: (_, values) => (parseAdjustment(values, current) === null ? 'Enter an amount' : null),
        reason: (reason) => (reason.trim() ? null : 'Enter a reason'),
      },
    },
    async (values) => {
      const amount = parseAdjustment(values, current)
      if (amount !== null) await onSubmit({ amount, reason: values.reason.trim() })
    },
  )
  const amount = parseAdjustment(form.values, current)
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        {problem && <ProblemAlert problem={problem} />}
        {several && (
          <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
            {summarizeNames(several.names, several.changed)}
          </Text>
        )}
        {several && several.count > several.changed && (
          <Text size="sm" c="dimmed">
            {staffLabel(several.count - several.changed)} among them: skipped.
          </Text>
        )}
        {current !== null && (
          <SegmentedControl
            aria-label="Kind of change"
            data={[
              { value: 'by', label: 'Add or remove' },
              { value: 'to', label: 'Set to' },
            ]}
            {...form.getInputProps('mode')}
          />
        )}
        <NumberInput
          label="Tokens"
          description={form.values.mode === 'by' ? 'Use a minus to remove' : 'The new balance'}
          allowDecimal={false}
          thousandSeparator=","
          data-autofocus={initialAmount === undefined || undefined}
          {...form.getInputProps('amount')}
        />
        {form.values.mode === 'by' && (
          <Input.Wrapper label="Top up by" labelElement="div" role="group" aria-label="Top up by">
            <Group gap="xs" mt={4}>
              {PRESETS.map((preset) => (
                <Button key={preset} size="xs" variant="default" onClick={() => form.setFieldValue('amount', preset)}>
                  {formatSigned(preset)}
                </Button>
              ))}
            </Group>
          </Input.Wrapper>
        )}
        {amount !== null && (
          <Text size="sm" role="status">
            {current === null
              ? several && adjustmentSum(several.changed, amount)
              : `${formatCount(current)} ${formatSigned(amount)} = ${formatCount(current + amount)}`}
          </Text>
        )}
        <TextInput
          label="Reason"
          description={`${readers} can read it`}
          maxLength={500}
          data-autofocus={initialAmount !== undefined || undefined}
          {...form.getInputProps('reason')}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            Adjust
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

import { Button, Group, Input, NumberInput, SegmentedControl, Stack, Text, TextInput } from '@mantine/core'
import { summarizeNames } from '../format/names'
import { formatCount, formatSigned } from '../format/numbers'
import { ProblemAlert } from '../ui/ProblemAlert'
import { useMutationForm } from '../ui/useMutationForm'
import { adjustmentSum, parseAdjustment, PRESETS } from './adjustment'

/** A change of a balance, positive or negative, and its reason. */
export type Adjustment = { amount: number; reason: string }

type Props = {
  /** The current balance; null for several users, whose balances can only be changed by an amount. */
  current: number | null
  /** The names of several users. */
  names?: readonly string[]
  onSubmit: (adjustment: Adjustment) => Promise<void>
}

/** The form for an adjustment of a balance: by an amount, or to one. */
export function AdjustForm({ current, names, onSubmit }: Props) {
  const { form, submit, problem, isBusy } = useMutationForm<{
    mode: 'by' | 'to'
    amount: number | string
    reason: string
  }>(
    {
      initialValues: { mode: 'by', amount: '', reason: '' },
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
        {names && (
          <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
            {summarizeNames(names)}
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
          data-autofocus
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
              ? names && adjustmentSum(names.length, amount)
              : `${formatCount(current)} ${formatSigned(amount)} = ${formatCount(current + amount)}`}
          </Text>
        )}
        <TextInput
          label="Reason"
          description="The user can read it"
          maxLength={500}
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

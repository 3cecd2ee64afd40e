import { Button, Group, NumberInput, SegmentedControl, Stack, Text, TextInput } from '@mantine/core'
import { formatCount, formatSigned } from '../format/numbers'
import { ProblemAlert } from '../ui/ProblemAlert'
import { useMutationForm } from '../ui/useMutationForm'
import { parseAdjustment } from './adjustment'

/** A change of a balance, positive or negative, and its reason. */
export type Adjustment = { amount: number; reason: string }

type Props = {
  /** The current balance; null for several users, whose balances can only be changed by an amount. */
  current: number | null
  onSubmit: (adjustment: Adjustment) => Promise<void>
}

/** The form for an adjustment of a balance: by an amount, or to one. */
export function AdjustForm({ current, onSubmit }: Props) {
  const { form, submit, problem, isBusy } = useMutationForm<{
    mode: 'by' | 'to'
    amount: number | string
    reason: string
  }>(
    {
      initialValues: { mode: 'by', amount: '', reason: '' },
      validate: {
        amount: (_, values) => (parseAdjustment(values, current) === null ? 'By how much?' : null),
        reason: (reason) => (reason.trim() ? null : 'Why? The user can read it.'),
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
        {current !== null && (
          <SegmentedControl
            aria-label="How the number is meant"
            data={[
              { value: 'by', label: 'By so many' },
              { value: 'to', label: 'To so many' },
            ]}
            {...form.getInputProps('mode')}
          />
        )}
        <NumberInput
          label="Tokens"
          description={form.values.mode === 'by' ? 'Negative to take away' : 'What the user shall have'}
          allowDecimal={false}
          thousandSeparator=","
          data-autofocus
          {...form.getInputProps('amount')}
        />
        {current !== null && amount !== null && (
          <Text size="sm" role="status">
            {formatCount(current)} {formatSigned(amount)} = {formatCount(current + amount)}
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

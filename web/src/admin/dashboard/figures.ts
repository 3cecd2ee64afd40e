import { formatDuration } from '../../format/durations'
import { formatCount } from '../../format/numbers'
import type { OverviewFieldsFragment } from '../../gql/admin'
import { changeLabel } from './period'

export type Totals = OverviewFieldsFragment

/** A figure of the overview: its value, what it consists of, and how it compares to the period before. */
export type Figure = { label: string; value: string; details?: string; change?: string; before?: string }

/** Returns the figures of a period. */
export function figuresOf(now: Totals, before: Totals | null): Figure[] {
  const count = (label: string, of: (totals: Totals) => number, details?: string): Figure => ({
    label,
    value: formatCount(of(now)),
    ...(details !== undefined && { details }),
    ...(before && { change: changeLabel(of(now), of(before)), before: formatCount(of(before)) }),
  })
  return [
    count('Tokens spent', ({ spent }) => spent),
    count(
      'Tokens granted',
      granted,
      `${formatCount(now.credits)} by operators, ${formatCount(now.signupGrants)} to new accounts`,
    ),
    ...(now.debits > 0 || (before?.debits ?? 0) > 0 ? [count('Tokens taken back', ({ debits }) => debits)] : []),
    count('Messages', ({ messages }) => messages),
    count('Active users', ({ activeUsers }) => activeUsers),
    count('Sign-ups', ({ signUps }) => signUps),
    {
      label: 'Error rate',
      value: rateLabel(now),
      details: `${formatCount(now.failures)} of ${formatCount(now.messages)} messages failed`,
      ...(before && before.messages > 0 && { before: rateLabel(before) }),
    },
    time('Time to first word', now.firstChunkTime, before?.firstChunkTime ?? null),
    time('Time to whole answer', now.answerTime, before?.answerTime ?? null),
  ]
}

function granted({ credits, signupGrants }: Totals): number {
  return credits + signupGrants
}

/** Formats the share of failed messages: "0 %", "2.5 %". */
export function rateLabel({ failures, messages }: Pick<Totals, 'failures' | 'messages'>): string {
  if (messages === 0) return '–'
  const percent = (failures / messages) * 100
  return `${percent > 0 && percent < 0.1 ? '< 0.1' : String(Math.round(percent * 10) / 10)} %`
}

type Time = Totals['answerTime']

function time(label: string, now: Time, before: Time): Figure {
  if (!now) return { label, value: '–', details: 'No answers in this period' }
  return {
    label,
    value: formatDuration(now.medianMs),
    details: `Median; 95 % within ${formatDuration(now.p95Ms)}`,
    ...(before && { change: changeLabel(now.medianMs, before.medianMs), before: formatDuration(before.medianMs) }),
  }
}

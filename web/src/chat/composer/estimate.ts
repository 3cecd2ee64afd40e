import { formatCount } from '../../format/numbers'
import { formatTokens } from '../../format/prices'
import type { EstimateMessageQuery } from '../../gql/chat'
import { Problem, type Shortage } from '../../graphql/problem'

/** What a message would cost. */
export type Estimate = NonNullable<EstimateMessageQuery['estimateMessage']>

/**
 * Describes what a message would cost: "about 2, at most 31 tokens". Where the most is all that there is, the answer may
 * end earlier than the model would end it.
 */
export function describeEstimate({ expected, hold, available, affordable }: Estimate, isMetered: boolean): string {
  if (!affordable) return describeShortage({ required: hold, available })
  if (isMetered && hold === available) {
    return `about ${formatCount(Math.min(expected, hold))}, at most ${formatTokens(hold)}: all you have, so the answer may be cut short`
  }
  return expected === hold ? formatTokens(hold) : `about ${formatCount(expected)}, at most ${formatTokens(hold)}`
}

/** Returns the problem with what is missing as its message, if tokens are. */
export function withShortage(problem: Problem): Problem {
  return problem.shortage ? new Problem(problem.code, describeShortage(problem.shortage)) : problem
}

/** Describes what is missing: "This needs 31 tokens; you have 3." */
export function describeShortage({ required, available }: Shortage, payer?: string): string {
  const owner = payer === undefined ? 'you have' : `${payer} has`
  return `This needs ${formatTokens(required)}; ${owner} ${formatCount(available)}.`
}

import { formatCount } from '../../format/numbers'
import { formatTokens } from '../../format/prices'
import type { EstimateMessageQuery } from '../../gql/chat'
import type { Shortage } from '../../graphql/problem'

/** What a message would cost. */
export type Estimate = NonNullable<EstimateMessageQuery['estimateMessage']>

/** Describes what a message would cost: "about 2, at most 31 tokens". */
export function describeEstimate({ expected, hold, available, affordable }: Estimate): string {
  if (!affordable) return describeShortage({ required: hold, available })
  return expected === hold ? formatTokens(hold) : `about ${formatCount(expected)}, at most ${formatTokens(hold)}`
}

/** Describes what is missing: "This needs 31 tokens; you have 3." */
export function describeShortage({ required, available }: Shortage): string {
  return `This needs ${formatTokens(required)}; you have ${formatCount(available)}.`
}

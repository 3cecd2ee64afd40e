import { formatCount, pluralize } from './numbers'

/** The usage of a model, in model tokens. */
export type Usage = {
  input: number
  cacheRead: number
  cacheWrite: number
  output: number
  reasoning: number
  estimated: boolean
}

/** Formats the input: "1,300 model tokens (1,000 from cache, 200 to cache)". */
export function formatInput({ input, cacheRead, cacheWrite, estimated }: Usage): string {
  return formatWithParts(input, estimated, [
    [cacheRead, 'from cache'],
    [cacheWrite, 'to cache'],
  ])
}

/** Formats the output: "45 model tokens (20 for thinking)". */
export function formatOutput({ output, reasoning, estimated }: Usage): string {
  return formatWithParts(output, estimated, [[reasoning, 'for thinking']])
}

function formatWithParts(amount: number, isEstimated: boolean, parts: [amount: number, name: string][]): string {
  const whole = `${isEstimated ? 'about ' : ''}${pluralize(amount, 'model token')}`
  const named = parts.filter(([part]) => part > 0).map(([part, name]) => `${formatCount(part)} ${name}`)
  return named.length > 0 ? `${whole} (${named.join(', ')})` : whole
}

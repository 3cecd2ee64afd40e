import { formatCount } from '../../format/numbers'
import type { ApplyPricesInput, PricePart, PriceProposalFragment } from '../../gql/admin'

/** The proposed price of a model, whose name is its id. */
export type Proposal = PriceProposalFragment & { id: string }

/** The proposals of a whole list. */
export type Proposals = {
  proposals: readonly Proposal[]
  /** The number of models of the database that the list does not have, and the names of the first of them. */
  unmatchedCount: number
  unmatched: readonly string[]
  tokensPerUnit: number
}

/** The proposals of a part of a list. */
export type ProposalsPart = {
  proposals: readonly PriceProposalFragment[]
  models: number
  unmatched: readonly string[]
  tokensPerUnit: number
}

/** The largest file that is read. */
export const MAX_FILE_BYTES = 16 * 2 ** 20

/** The bytes of a part of a list in a request, whose variables have at most 512 KiB. */
const MAX_PART_BYTES = 400_000

/** The prices that the server applies at once. */
const MAX_APPLIED = 500

export const PART_LABELS: Record<PricePart, string> = {
  MESSAGE: 'Message',
  INPUT: 'Input, per million',
  CACHE_READ: 'Cached input, per million',
  CACHE_WRITE: 'Cache write, per million',
  OUTPUT: 'Output, per million',
  REASONING: 'Reasoning, per million',
  IMAGE: 'Image',
}

/** The bytes that a text has in the variables of a request. */
function bytesOf(text: string): number {
  return new TextEncoder().encode(JSON.stringify(text)).length
}

/**
 * Splits the text of a price list in parts that fit in requests, each with some of its entries. A text that fits, or that
 * the server will reject, is one part.
 */
export function splitList(text: string, maxBytes = MAX_PART_BYTES): string[] {
  if (bytesOf(text) <= maxBytes) return [text]
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    return [text.slice(0, maxBytes / 4)]
  }
  if (typeof list !== 'object' || list === null || Array.isArray(list)) return ['[]']
  const members = list as Record<string, unknown>
  const name = ['data', 'models'].find((name) => Array.isArray(members[name]))
  if (name === undefined) {
    return partsOf(Object.entries(members), maxBytes).map((part) => JSON.stringify(Object.fromEntries(part)))
  }
  const rest = 'format' in members ? { format: members.format } : {}
  return partsOf(members[name] as unknown[], maxBytes).map((part) => JSON.stringify({ ...rest, [name]: part }))
}

function partsOf<T>(entries: readonly T[], maxBytes: number): T[][] {
  const parts: T[][] = []
  let size = Infinity
  for (const entry of entries) {
    const bytes = bytesOf(JSON.stringify(entry))
    if (size + bytes > maxBytes) {
      parts.push([])
      // The names and brackets around the entries.
      size = 100
    }
    parts[parts.length - 1]?.push(entry)
    size += bytes
  }
  return parts
}

/** Merges the proposals of the parts of a list: the one with the smallest rank counts. */
export function mergeProposals(parts: readonly ProposalsPart[]): Proposals {
  const found = new Map<string, Proposal>()
  for (const proposal of parts.flatMap((part) => part.proposals)) {
    const other = found.get(proposal.model)
    const isFirst = other === undefined || proposal.rank < other.rank
    if (isFirst) found.set(proposal.model, { ...proposal, id: proposal.model })
    else if (proposal.rank === other.rank) {
      found.set(proposal.model, { ...other, proposed: null, changes: [], needsConfirmation: false, problem: TWICE })
    }
  }
  const first = parts[0]
  const proposals = [...found.values()].sort((one, other) => (one.model < other.model ? -1 : 1))
  return {
    proposals,
    unmatchedCount: Math.max(0, (first?.models ?? 0) - found.size),
    unmatched: (first?.unmatched ?? []).filter((name) => !found.has(name)),
    tokensPerUnit: first?.tokensPerUnit ?? 0,
  }
}

const TWICE = 'The list has more than one entry for it.'

/** Divides proposals in those that can be applied, those that are held back, and those with a problem. */
export function divide(proposals: readonly Proposal[]) {
  const changed = proposals.filter(({ changes }) => changes.length > 0)
  return {
    offered: changed.filter(({ needsConfirmation }) => !needsConfirmation),
    heldBack: changed.filter(({ needsConfirmation }) => needsConfirmation),
    failed: proposals.filter(({ problem }) => problem !== null),
    sameCount: proposals.filter(({ changes, problem }) => changes.length === 0 && problem === null).length,
  }
}

type Change = Proposal['changes'][number]

/** Parts that usually have the price of another part. */
const FOLLOWED: Partial<Record<PricePart, PricePart>> = {
  CACHE_READ: 'INPUT',
  CACHE_WRITE: 'INPUT',
  REASONING: 'OUTPUT',
}

/** Returns the changes to show: without those of caches and of reasoning that are the same as of the input or the output. */
export function shownChanges({ changes }: Pick<Proposal, 'changes'>): Change[] {
  const isSame = (one: Change, other: Change) => one.before === other.before && one.after === other.after
  return changes.filter(
    (change) => !changes.some((other) => other.part === FOLLOWED[change.part] && isSame(change, other)),
  )
}

/** Formats a change: "100,000 → 200,000 (×2)". */
export function formatChange({ before, after, ratio }: Change): string {
  const factor = ratio === null ? '' : ` (×${formatRatio(ratio)})`
  return `${formatCount(before)} → ${formatCount(after)}${factor}`
}

function formatRatio(ratio: number): string {
  return new Intl.NumberFormat('en', { maximumSignificantDigits: 3 }).format(ratio)
}

/** Returns the inputs that apply the chosen prices: several if there are more than the server takes at once. */
export function applyInputs(chosen: readonly Proposal[]): ApplyPricesInput[] {
  const inputs: ApplyPricesInput[] = []
  for (let start = 0; start < chosen.length; start += MAX_APPLIED) {
    const part = chosen.slice(start, start + MAX_APPLIED)
    inputs.push({
      changes: part.flatMap(({ model, version, proposed }) =>
        proposed ? [{ model, version, price: priceOf(proposed) }] : [],
      ),
      confirmed: part.filter(({ needsConfirmation }) => needsConfirmation).map(({ model }) => model),
    })
  }
  return inputs
}

function priceOf({
  perMessage,
  perMillionInput,
  perMillionCacheRead,
  perMillionCacheWrite,
  perMillionOutput,
  perMillionReasoning,
  perImage,
}: NonNullable<Proposal['proposed']>) {
  return {
    perMessage,
    perMillionInput,
    perMillionCacheRead,
    perMillionCacheWrite,
    perMillionOutput,
    perMillionReasoning,
    perImage,
  }
}

import { expect, it } from 'vitest'
import { previewLabel } from './price'
import {
  applyInputs,
  divide,
  formatChange,
  mergeProposals,
  shownChanges,
  splitList,
  type Proposal,
  type ProposalsPart,
} from './priceList'

const PRICE = {
  perMessage: 0,
  perMillionInput: 200,
  perMillionCacheRead: 200,
  perMillionCacheWrite: 200,
  perMillionOutput: 400,
  perMillionReasoning: 400,
  perImage: 0,
}

const PROPOSAL: Proposal = {
  id: 'gpt',
  model: 'gpt',
  title: 'GPT',
  entry: 'gpt',
  rank: 2,
  version: 3,
  proposed: PRICE,
  changes: [{ part: 'INPUT', before: 100, after: 200, ratio: 2, needsConfirmation: false }],
  needsConfirmation: false,
  problem: null,
  note: null,
}

function named(model: string, more: Partial<Proposal> = {}): Proposal {
  return { ...PROPOSAL, id: model, model, ...more }
}

function part(proposals: Proposal[], unmatched: string[] = []): ProposalsPart {
  return { proposals, models: 4, unmatched, tokensPerUnit: 1000 }
}

it('sends a list that fits as it is', () => {
  expect(splitList('{"a": 1.50e-07}')).toEqual(['{"a": 1.50e-07}'])
})

it('splits a long list by its entries, and keeps its numbers', () => {
  const names = Array.from({ length: 40 }, (_, number) => `model-${number}`)
  const entry = { litellm_provider: 'openai', input_cost_per_token: 1.5e-7 }
  const litellm = splitList(JSON.stringify(Object.fromEntries(names.map((name) => [name, entry]))), 1_000)
  expect(litellm.length).toBeGreaterThan(3)
  for (const text of litellm) expect(new TextEncoder().encode(JSON.stringify(text)).length).toBeLessThanOrEqual(1_000)
  expect(litellm.flatMap((text) => Object.keys(JSON.parse(text) as object))).toEqual(names)
  expect(litellm[0]).toContain('1.5e-7')

  const models = names.map((id) => ({ id, pricing: { prompt: '0.0000015' } }))
  const openrouter = splitList(JSON.stringify({ data: models }), 1_000)
  expect(openrouter.flatMap((text) => (JSON.parse(text) as { data: unknown[] }).data)).toEqual(models)
  const own = splitList(JSON.stringify({ format: 'jeton-prices/1', models }), 1_000)
  expect(own.every((text) => text.startsWith('{"format":"jeton-prices/1","models":['))).toBe(true)
})

it('leaves it to the server to reject what is no list', () => {
  expect(splitList('x'.repeat(2_000), 1_000)).toEqual(['x'.repeat(250)])
  expect(splitList(JSON.stringify('x'.repeat(2_000)), 1_000)).toEqual(['[]'])
})

it('merges the parts of a list by rank', () => {
  const merged = mergeProposals([
    part([named('a', { rank: 3, entry: 'other' }), named('b'), named('c', { rank: 1 })], ['d', 'z']),
    part([named('a'), named('b'), named('c'), named('z')], ['a', 'd']),
  ])
  expect(merged.proposals.map(({ model, entry, problem }) => [model, entry, problem])).toEqual([
    ['a', 'gpt', null],
    ['b', 'gpt', 'The list has more than one entry for it.'],
    ['c', 'gpt', null],
    ['z', 'gpt', null],
  ])
  expect([merged.unmatched, merged.unmatchedCount, merged.tokensPerUnit]).toEqual([['d'], 0, 1000])
})

it('holds back large changes, and names what has no price', () => {
  const heldBack = named('b', { needsConfirmation: true })
  const failed = named('c', { proposed: null, changes: [], problem: 'It varies.' })
  const same = named('d', { changes: [] })
  expect(divide([PROPOSAL, heldBack, failed, same])).toEqual({
    offered: [PROPOSAL],
    heldBack: [heldBack],
    failed: [failed],
    sameCount: 1,
  })
})

it('formats changes', () => {
  expect(PROPOSAL.changes.map(formatChange)).toEqual(['100 → 200 (×2)'])
  const change = { part: 'INPUT' as const, before: 3_000, after: 1_000, ratio: 1 / 3, needsConfirmation: false }
  expect(formatChange(change)).toBe('3,000 → 1,000 (×0.333)')
  expect(formatChange({ ...change, before: 0, ratio: null })).toBe('0 → 1,000')
})

it('shows what follows the input or the output only if it differs', () => {
  const change = { part: 'INPUT' as const, before: 100, after: 200, ratio: 2, needsConfirmation: false }
  const changes = [
    change,
    { ...change, part: 'CACHE_READ' as const, after: 20 },
    { ...change, part: 'CACHE_WRITE' as const },
    { ...change, part: 'REASONING' as const },
  ]
  expect(shownChanges({ changes }).map(({ part }) => part)).toEqual(['INPUT', 'CACHE_READ', 'REASONING'])
})

it('applies the chosen prices, 500 at once, each that is held back by name', () => {
  const chosen = [named('b', { needsConfirmation: true }), ...Array.from({ length: 500 }, (_, at) => named(`m${at}`))]
  const inputs = applyInputs(chosen)
  expect(inputs.map(({ changes }) => changes.length)).toEqual([500, 1])
  expect(inputs[0]?.confirmed).toEqual(['b'])
  expect(inputs[1]).toEqual({ changes: [{ model: 'm499', version: 3, price: PRICE }], confirmed: [] })
})

it('tells what messages would have cost, with the amount in money', () => {
  const preview = { chats: 3, since: '2026-11-01T12:00:00Z', charged: 2_400, proposed: 1_200 }
  expect(previewLabel(preview, null, false)).toMatch(
    /^3 messages since .*2026 cost 2,400 tokens\. At this price: 1,200 tokens\.$/,
  )
  expect(previewLabel(preview, { code: 'EUR', tokensPerUnit: 1_000 }, true)).toBe(
    'This message cost 2,400 tokens (€2.40). At this price: 1,200 tokens (€1.20).',
  )
  expect(previewLabel({ ...preview, chats: 0, since: null }, null, false)).toMatch(/^Nothing/)
})

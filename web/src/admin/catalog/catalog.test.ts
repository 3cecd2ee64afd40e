import { expect, it } from 'vitest'
import { isBuiltInOnly } from '../dashboard/firstProvider'
import { keyLabel, routesLabel, windowLabel } from './labels'
import type { Model, Provider } from './lists'
import { modelActions } from './modelColumns'
import { createInput as createModelInput, modelValues, newRoute, routesError, updateInput } from './modelForm'
import { freeName, PRESETS, presetOf } from './presets'
import { costOf, EXAMPLE, NO_PRICE, priceError, priceInput, priceOf, priceValues } from './price'
import { createInput, parseHeaders, providerValues, updateInput as updateProvider, VALIDATION } from './providerForm'
import { errorsLabel, latencyLabel, replaceRoutes, routeRows, upstreamLabel } from './routeStates'
import { withChoice } from './providerChoices'
import { addedNames, priceErrors, searchListed, takeOverInput } from './takeOver'
import { deletionTexts } from './useModelChanges'

const PRICE = {
  perMessage: 0,
  perMillionInput: 3_000,
  perMillionCacheRead: 300,
  perMillionCacheWrite: 3_000,
  perMillionOutput: 15_000,
  perMillionReasoning: 15_000,
  perImage: 7,
}

const PROVIDER: Provider = {
  id: 'p1',
  name: 'OpenAI',
  kind: 'OPENAI',
  baseUrl: 'https://api.example/v1',
  keyLastFour: 'cdef',
  keySetAt: '2026-01-31T12:00:00Z',
  keyProblem: null,
  headers: [{ name: 'x-team', value: 'blue: 1' }],
  maxRetries: 3,
  circuitCooldownSeconds: 60,
  connectTimeoutSeconds: null,
  firstByteTimeoutSeconds: 20,
  idleTimeoutSeconds: null,
  modelCount: 2,
}

const MODEL: Model = {
  id: 'gpt',
  name: 'gpt',
  title: 'gpt',
  description: null,
  source: 'DATABASE',
  shadowsDatabase: false,
  enabled: true,
  default: false,
  defaultSource: null,
  problem: null,
  contextWindow: 16_384,
  maxOutput: 1_024,
  maxConcurrent: 0,
  images: false,
  tools: true,
  reasoning: false,
  price: PRICE,
  routes: [{ provider: { id: 'p1', name: 'OpenAI' }, upstreamModel: 'gpt-5', order: 0, weight: 1 }],
}

const LISTED = { name: 'gpt-5', added: false, title: 'GPT Five', contextWindow: 400_000, maxOutput: 128_000 }
it('deletes what the configuration file shadows, and leaves the other in force', () => {
  const labels = (model: Model, isSuperuser = true) => modelActions(model, isSuperuser).map(([, label]) => label)
  const shadowing: Model = { ...MODEL, source: 'FILE', shadowsDatabase: true, routes: [] }
  expect(labels(MODEL)).toEqual(['Set price…', 'Edit…', 'Make default', 'Delete…'])
  expect(labels({ ...MODEL, default: true })).toEqual(['Set price…', 'Edit…', 'Delete…'])
  expect(labels({ ...MODEL, enabled: false })).toEqual(['Set price…', 'Edit…', 'Delete…'])
  expect(labels(shadowing)).toEqual(['Prices…', 'Make default', 'Delete the one of the database…'])
  expect(labels({ ...shadowing, shadowsDatabase: false })).toEqual(['Prices…', 'Make default'])
  expect([labels(MODEL, false), labels(shadowing, false)]).toEqual([['Prices…'], ['Prices…']])
  expect(deletionTexts(MODEL).title).toBe('Delete gpt?')
  expect(deletionTexts(shadowing).text).toMatch(/^The one from jeton.toml stays in force/)
})

it('has presets with unique names and usable addresses', () => {
  expect(new Set(PRESETS.map(({ name }) => name)).size).toBe(13)
  for (const { baseUrl } of PRESETS) expect(new URL(baseUrl).pathname).not.toMatch(/.\/$/)
  expect(presetOf('Ollama')?.kind).toBe('OLLAMA')
  expect(presetOf(null)).toBeNull()
  expect([freeName('Groq', []), freeName('Groq', ['Groq', 'Groq 2'])]).toEqual(['Groq', 'Groq 3'])
  expect(VALIDATION.baseUrl(presetOf('Azure OpenAI')?.baseUrl ?? '')).toMatch(/^Replace/)
})

it('keeps the key of a provider unless one is entered, or it is removed', () => {
  const values = providerValues(PROVIDER)
  expect(values.key).toBe('')
  const settings = {
    name: 'OpenAI',
    baseUrl: 'https://api.example/v1',
    headers: [{ name: 'x-team', value: 'blue: 1' }],
    maxRetries: 3,
    circuitCooldownSeconds: 60,
    connectTimeoutSeconds: null,
    firstByteTimeoutSeconds: 20,
    idleTimeoutSeconds: null,
  }
  expect(updateProvider('p1', values)).toEqual({ providerId: 'p1', ...settings })
  expect(updateProvider('p1', { ...values, key: ' sk ' })).toEqual({ providerId: 'p1', ...settings, key: 'sk' })
  expect(updateProvider('p1', { ...values, removesKey: true })).toEqual({ providerId: 'p1', ...settings, key: null })
  expect(updateProvider('p1', { ...values, removesKey: true, key: 'sk' }).key).toBe('sk')
  expect(createInput({ ...values, key: 'sk' })).toEqual({ ...settings, kind: 'OPENAI', key: 'sk' })
})

it('leaves an empty timeout to its default', () => {
  const values = { ...providerValues(PROVIDER), connectTimeoutSeconds: 5, firstByteTimeoutSeconds: '' }
  const { connectTimeoutSeconds, firstByteTimeoutSeconds, idleTimeoutSeconds } = createInput(values)
  expect([connectTimeoutSeconds, firstByteTimeoutSeconds, idleTimeoutSeconds]).toEqual([5, null, null])
  expect([VALIDATION.idleTimeoutSeconds(''), VALIDATION.idleTimeoutSeconds(7)]).toEqual([null, null])
  expect(VALIDATION.idleTimeoutSeconds(1.5)).toMatch(/whole number/)
})

it('parses headers, one a line', () => {
  expect(parseHeaders('\n')).toEqual([])
  expect(parseHeaders('x-a: 1\n X-B:two words ')).toEqual([
    { name: 'x-a', value: '1' },
    { name: 'X-B', value: 'two words' },
  ])
  for (const wrong of ['x-a', 'x-a:', 'x a: 1', ': 1']) expect(parseHeaders(wrong)).toBeNull()
})

it('describes keys, routes and context windows', () => {
  expect(keyLabel(PROVIDER)).toMatch(/^…cdef, set .*2026/)
  expect(keyLabel({ ...PROVIDER, keyLastFour: null })).toMatch(/^set .*2026/)
  expect(keyLabel({ keySetAt: null, keyLastFour: null })).toBe('none')
  expect(routesLabel(MODEL.routes)).toBe('OpenAI: gpt-5')
  expect([windowLabel(16_384), windowLabel(null)]).toEqual(['16,384', 'unlimited'])
})

it('completes a price as the server does', () => {
  const values = priceValues(PRICE)
  expect(values.perMillionCacheRead).toBe(300)
  expect([values.perMillionCacheWrite, values.perMillionReasoning, values.perImage]).toEqual(['', '', 7])
  expect(priceOf(values)).toEqual(PRICE)
  // What follows the input goes with it.
  expect(priceInput({ ...values, perMillionInput: 4_000 })).toEqual({
    ...PRICE,
    perMillionInput: 4_000,
    perMillionCacheWrite: 4_000,
  })
})

it('requires a price, which may be 0 if that is entered', () => {
  expect(priceError(NO_PRICE)).toMatch(/^Enter a price/)
  expect(priceError({ ...NO_PRICE, perMessage: 0 })).toBeNull()
  for (const perMessage of [1.5, -1, 2_000_000_000, '1e99']) {
    expect(priceError({ ...NO_PRICE, perMessage })).not.toBeNull()
  }
  expect(priceError({ ...NO_PRICE, perMillionInput: 2_000_000_000_000 })).toMatch(/per million/)
})

it('tells the cost of a message, rounded up', () => {
  expect(costOf(PRICE, EXAMPLE)).toBe(11)
  expect(costOf({ ...PRICE, perMessage: 100 }, { input: 1, output: 0 })).toBe(101)
  expect(costOf(priceOf(NO_PRICE), EXAMPLE)).toBe(0)
})

it('searches the models of a provider by words', () => {
  const models = [LISTED, { ...LISTED, name: 'embed', title: null }]
  expect(searchListed(models, ' five GPT ')).toEqual([LISTED])
  expect(searchListed(models, '')).toEqual(models)
  expect(searchListed(models, 'claude')).toEqual([])
})

it('takes over a model with what the provider tells of it', () => {
  const price = { ...NO_PRICE, perMessage: 5 }
  const routes = [{ providerId: 'p1', upstreamModel: 'gpt-5' }]
  const abilities = { images: true, tools: false }
  expect(takeOverInput(LISTED, 'p1', price, abilities)).toMatchObject({
    name: 'gpt-5',
    title: 'GPT Five',
    contextWindow: 400_000,
    maxOutput: 8_192,
    routes,
    price: { perMessage: 5, perMillionInput: 0 },
  })
  const unknown = { name: 'gpt-5', added: true, title: null, contextWindow: null, maxOutput: null }
  expect(takeOverInput(unknown, 'p1', price, abilities)).toEqual({
    name: 'gpt-5',
    routes,
    price: priceInput(price),
    ...abilities,
  })
  expect([...addedNames([LISTED, { ...unknown, name: 'known' }])]).toEqual(['known'])
  expect([
    ...priceErrors(
      new Map([
        ['a', price],
        ['b', NO_PRICE],
      ]),
    ).keys(),
  ]).toEqual(['b'])
})

it('changes a model, and its routes only if they differ', () => {
  const values = modelValues(MODEL)
  expect(values.title).toBe('')
  expect(updateInput(MODEL, values)).toEqual({
    name: 'gpt',
    title: null,
    description: null,
    contextWindow: 16_384,
    maxOutput: 1_024,
    maxConcurrent: 0,
    images: false,
    tools: true,
    reasoning: false,
  })
  const routes = [...values.routes, { ...newRoute(1, 'p2'), upstreamModel: ' gpt-5 ' }]
  expect(updateInput(MODEL, { ...values, routes }).routes).toEqual([
    { providerId: 'p1', upstreamModel: 'gpt-5', order: 0, weight: 1 },
    { providerId: 'p2', upstreamModel: 'gpt-5', order: 1, weight: 1 },
  ])
  expect(createModelInput({ ...values, name: ' gpt ', title: 'GPT' })).toMatchObject({ name: 'gpt', title: 'GPT' })
})

it('requires whole routes', () => {
  expect(routesError(modelValues(MODEL).routes)).toBeNull()
  expect(routesError([newRoute(0)])).toMatch(/^Choose a provider/)
  expect(routesError([{ ...newRoute(0, 'p1'), upstreamModel: 'gpt', weight: '' }])).toMatch(/whole numbers/)
})

it('knows a server with the built-in models alone', () => {
  expect(isBuiltInOnly(['echo', 'smollm2'])).toBe(true)
  expect(isBuiltInOnly(['echo', 'gpt', 'smollm2'])).toBe(false)
})

const CLOSED = { status: 'CLOSED' as const, failures: 0, since: null, until: null }

const STATE = {
  provider: { id: 'p1', name: 'OpenAI' },
  host: 'api.example',
  upstreamModel: 'gpt-5',
  breaker: { ...CLOSED, status: 'OPEN' as const, failures: 5 },
  lastHour: { calls: 7, stopped: 1, errors: [], firstByte: null, whole: null },
  lastError: null,
}

it('describes the routes of models', () => {
  const model = { name: 'gpt', title: 'GPT', routeStates: [STATE, { ...STATE, provider: null }] }
  const rows = routeRows(model)
  expect(rows.map(({ id }) => id)).toEqual(['0 gpt', '1 gpt'])
  expect(rows.map(upstreamLabel)).toEqual(['OpenAI', 'api.example'])
  const other = routeRows({ ...model, name: 'other' })
  const changed = replaceRoutes([...rows, ...other], {
    ...model,
    routeStates: model.routeStates.map((state) => ({ ...state, breaker: CLOSED })),
  })
  expect(changed.map(({ breaker }) => breaker.status)).toEqual(['CLOSED', 'CLOSED', 'OPEN', 'OPEN'])
})

it('describes the errors and the latency of a route', () => {
  expect(errorsLabel([])).toBe('0')
  const errors = [
    { kind: 'CONNECTION' as const, count: 1_200 },
    { kind: 'RATE_LIMITED' as const, count: 1 },
  ]
  expect(errorsLabel(errors)).toBe('1,200 connection, 1 rate limited')
  expect(latencyLabel(null)).toBe('–')
  expect(latencyLabel({ p50Ms: 420, p95Ms: 61_000 })).toBe('420 ms, 95 % 1 min 1 s')
})

it('offers the chosen provider, whatever the search finds', () => {
  const found = [{ id: 'p1', name: 'OpenAI' }]
  const openAi = { value: 'p1', label: 'OpenAI' }
  expect(withChoice(found, null, null)).toEqual([openAi])
  expect(withChoice(found, 'p1', null)).toEqual([openAi])
  expect(withChoice(found, 'p2', { id: 'p2', name: 'Azure' })).toEqual([{ value: 'p2', label: 'Azure' }, openAi])
  expect(withChoice([], 'p3', null)).toEqual([{ value: 'p3', label: 'Unknown provider' }])
})

import type { CreateProviderInput, ProviderKind, UpdateProviderInput } from '../../gql/admin'
import type { Provider } from './lists'
import { PLACEHOLDER } from './presets'

/** The values of the form for a provider. */
export type ProviderValues = {
  name: string
  kind: ProviderKind
  baseUrl: string
  /** Empty to keep what is stored. */
  key: string
  /** Whether the stored key is removed. */
  removesKey: boolean
  /** One a line: "name: value". */
  headers: string
  maxRetries: number | string
  circuitCooldownSeconds: number | string
  /** Each empty for the default. */
  connectTimeoutSeconds: number | string
  firstByteTimeoutSeconds: number | string
  idleTimeoutSeconds: number | string
}

const EMPTY: ProviderValues = {
  name: '',
  kind: 'OPENAI',
  baseUrl: '',
  key: '',
  removesKey: false,
  headers: '',
  maxRetries: 2,
  circuitCooldownSeconds: 30,
  connectTimeoutSeconds: '',
  firstByteTimeoutSeconds: '',
  idleTimeoutSeconds: '',
}

/** Returns the values of a provider; those of a new one for null. */
export function providerValues(provider: Provider | null): ProviderValues {
  if (!provider) return EMPTY
  const { name, kind, baseUrl, headers, maxRetries, circuitCooldownSeconds } = provider
  const lines = headers.map((header) => `${header.name}: ${header.value}`).join('\n')
  return {
    ...EMPTY,
    name,
    kind,
    baseUrl,
    headers: lines,
    maxRetries,
    circuitCooldownSeconds,
    connectTimeoutSeconds: provider.connectTimeoutSeconds ?? '',
    firstByteTimeoutSeconds: provider.firstByteTimeoutSeconds ?? '',
    idleTimeoutSeconds: provider.idleTimeoutSeconds ?? '',
  }
}

/** Parses headers, one a line; null if a line is none. */
export function parseHeaders(text: string): { name: string; value: string }[] | null {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const headers = lines.map((line) => /^([^:\s]+)\s*:\s*(.+)$/.exec(line))
  if (headers.includes(null)) return null
  return headers.map((match) => ({ name: match?.[1] ?? '', value: match?.[2] ?? '' }))
}

function timeoutProblem(value: number | string): string | null {
  return value === '' || Number.isInteger(value) ? null : 'Enter a whole number, or leave it empty'
}

/** Converts a timeout: null for the default. */
function timeout(value: number | string): number | null {
  return value === '' ? null : Number(value)
}

/** The validation of the form, beside that of the server. */
export const VALIDATION = {
  name: (name: string) => (name.trim() ? null : 'Enter a name'),
  baseUrl: (url: string) =>
    url.includes(PLACEHOLDER) ? `Replace ${PLACEHOLDER} with the name of your resource` : null,
  headers: (text: string) => (parseHeaders(text) ? null : 'Use a line “name: value” for each header'),
  maxRetries: (value: number | string) => (Number.isInteger(value) ? null : 'Enter a whole number'),
  circuitCooldownSeconds: (value: number | string) => (Number.isInteger(value) ? null : 'Enter a whole number'),
  connectTimeoutSeconds: timeoutProblem,
  firstByteTimeoutSeconds: timeoutProblem,
  idleTimeoutSeconds: timeoutProblem,
}

function settings(values: ProviderValues) {
  const { name, baseUrl, key, headers, maxRetries, circuitCooldownSeconds } = values
  return {
    name: name.trim(),
    baseUrl: baseUrl.trim(),
    ...(key.trim() !== '' && { key: key.trim() }),
    headers: parseHeaders(headers) ?? [],
    maxRetries: Number(maxRetries),
    circuitCooldownSeconds: Number(circuitCooldownSeconds),
    connectTimeoutSeconds: timeout(values.connectTimeoutSeconds),
    firstByteTimeoutSeconds: timeout(values.firstByteTimeoutSeconds),
    idleTimeoutSeconds: timeout(values.idleTimeoutSeconds),
  }
}

/** Converts the values to the input that connects a provider. */
export function createInput(values: ProviderValues): CreateProviderInput {
  return { ...settings(values), kind: values.kind }
}

/** Converts the values to the input that changes a provider. A key that is not entered stays, unless it is removed. */
export function updateInput(providerId: string, values: ProviderValues): UpdateProviderInput {
  return { providerId, ...settings(values), ...(values.removesKey && values.key.trim() === '' && { key: null }) }
}

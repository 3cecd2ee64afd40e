import { formatDate } from '../../format/dates'
import { formatCount } from '../../format/numbers'
import type {
  CatalogEntryFragment,
  CatalogProviderFragment,
  ModelSource,
  ProviderKind,
  ProviderTestStepKind,
} from '../../gql/admin'

/** The protocols of providers. */
export const KIND_LABELS: Record<ProviderKind, string> = {
  OPENAI: 'OpenAI-compatible (chat completions)',
  RESPONSES: 'OpenAI (Responses API)',
  ANTHROPIC: 'Anthropic (Messages API)',
  GEMINI: 'Google Gemini',
  OLLAMA: 'Ollama',
}

/** The sources of models. */
export const SOURCE_LABELS: Record<ModelSource, string> = {
  DATABASE: 'database',
  FILE: 'from jeton.toml',
  OLLAMA: 'from Ollama',
}

/** The steps of a test. */
export const STEP_LABELS: Record<ProviderTestStepKind, string> = {
  NAME: 'Name (DNS)',
  CONNECTION: 'Connection',
  CERTIFICATE: 'Certificate (TLS)',
  KEY: 'List of models, with the key',
  MODEL: 'Reply of a model',
}

/** Describes the key of a provider without its secret: "…cdef, set 31 Jan 2026", "none". */
export function keyLabel({ keySetAt, keyLastFour }: Pick<CatalogProviderFragment, 'keySetAt' | 'keyLastFour'>): string {
  if (keySetAt === null) return 'none'
  return `${keyLastFour === null ? 'set' : `…${keyLastFour}, set`} ${formatDate(keySetAt)}`
}

/** Names the routes of a model in their order: "OpenAI: gpt-5-mini, Azure: gpt-5-mini". */
export function routesLabel(routes: CatalogEntryFragment['routes']): string {
  return routes.map(({ provider, upstreamModel }) => `${provider.name}: ${upstreamModel}`).join(', ')
}

/** Formats a context window in model tokens. */
export function windowLabel(contextWindow: number | null): string {
  return contextWindow === null ? 'unlimited' : formatCount(contextWindow)
}

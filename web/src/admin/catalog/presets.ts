import type { ProviderKind } from '../../gql/admin'

/** A known service: what its provider is filled in with. */
export type Preset = {
  name: string
  kind: ProviderKind
  baseUrl: string
  /** What to know about it. */
  hint?: string
}

/** A part of an address that the operator replaces. */
export const PLACEHOLDER = 'YOUR-RESOURCE'

export const PRESETS: readonly Preset[] = [
  { name: 'OpenAI', kind: 'RESPONSES', baseUrl: 'https://api.openai.com/v1' },
  { name: 'Anthropic', kind: 'ANTHROPIC', baseUrl: 'https://api.anthropic.com/v1' },
  { name: 'Google Gemini', kind: 'GEMINI', baseUrl: 'https://generativelanguage.googleapis.com/v1beta' },
  { name: 'Mistral', kind: 'OPENAI', baseUrl: 'https://api.mistral.ai/v1' },
  { name: 'DeepSeek', kind: 'OPENAI', baseUrl: 'https://api.deepseek.com/v1' },
  { name: 'xAI', kind: 'OPENAI', baseUrl: 'https://api.x.ai/v1' },
  { name: 'OpenRouter', kind: 'OPENAI', baseUrl: 'https://openrouter.ai/api/v1' },
  { name: 'Groq', kind: 'OPENAI', baseUrl: 'https://api.groq.com/openai/v1' },
  { name: 'Together', kind: 'OPENAI', baseUrl: 'https://api.together.xyz/v1' },
  {
    name: 'Azure OpenAI',
    kind: 'OPENAI',
    baseUrl: `https://${PLACEHOLDER}.openai.azure.com/openai/v1`,
    hint: `Replace ${PLACEHOLDER} with the name of your resource. Models have the names of your deployments.`,
  },
  {
    name: 'Ollama',
    kind: 'OLLAMA',
    baseUrl: 'http://127.0.0.1:11434',
    hint: 'No key is needed. The address is as the server sees it.',
  },
  {
    name: 'vLLM',
    kind: 'OPENAI',
    baseUrl: 'http://127.0.0.1:8000/v1',
    hint: 'A key is needed only if vLLM was started with one. The address is as the server sees it.',
  },
  {
    name: 'LM Studio',
    kind: 'OPENAI',
    baseUrl: 'http://127.0.0.1:1234/v1',
    hint: 'No key is needed. The address is as the server sees it.',
  },
]

/** Returns the preset with a name; null for none. */
export function presetOf(name: string | null): Preset | null {
  return PRESETS.find((preset) => preset.name === name) ?? null
}

/** Returns a name that is not taken: "OpenAI", "OpenAI 2". */
export function freeName(name: string, taken: readonly string[]): string {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name} ${number}`
    if (!taken.includes(candidate)) return candidate
  }
}

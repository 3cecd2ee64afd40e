import { useQuery } from 'urql'
import { ServerLimitsDocument } from '../../gql/chat'

/** The maximum lengths of texts, in Unicode characters. Infinite until they are loaded: the server checks them, too. */
export type Limits = { message: number; systemPrompt: number }

const UNKNOWN: Limits = { message: Infinity, systemPrompt: Infinity }

/** Returns the limits that the operator of the server has set. */
export function useLimits(): Limits {
  const [{ data }] = useQuery({ query: ServerLimitsDocument })
  if (!data) return UNKNOWN
  const { maxMessageChars, maxSystemPromptChars } = data.server
  return { message: maxMessageChars, systemPrompt: maxSystemPromptChars }
}

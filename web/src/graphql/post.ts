import { stringifyDocument, type TypedDocumentNode } from '@urql/core'
import { notReached, problemOfErrors, type WireError } from './problem'

export const ENDPOINT = '/graphql'

/** Asks the server to keep the refresh token in a cookie that scripts cannot read. Sent with every request. */
export const SESSION_HEADER = { 'x-jeton-session': 'cookie' }

type Answer<T> = { data?: T | null; errors?: WireError[] }

/**
 * One request by itself, without the refreshing that other requests get: for what makes and ends sessions.
 *
 * Throws a `Problem`.
 */
export async function post<T, V>(document: TypedDocumentNode<T, V>, variables: V, token?: string): Promise<T> {
  let answer: Answer<T>
  try {
    const response = await fetch(ENDPOINT, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json',
        ...SESSION_HEADER,
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      body: JSON.stringify({ query: stringifyDocument(document), variables }),
      // A page that closes must still take the new cookie, or the next one would use the old token twice.
      keepalive: true,
    })
    answer = (await response.json()) as Answer<T>
  } catch {
    throw notReached()
  }
  if (answer.errors?.length) throw problemOfErrors(answer.errors)
  if (answer.data === null || answer.data === undefined) throw notReached()
  return answer.data
}

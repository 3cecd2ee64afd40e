import { stringifyDocument, type TypedDocumentNode } from '@urql/core'
import { problemOfErrors, serverUnreachable, type WireError } from './problem'

export const ENDPOINT = '/graphql'

/** Asks the server to keep the refresh token in a cookie that scripts cannot read. Sent with every request. */
export const SESSION_HEADER = { 'x-jeton-session': 'cookie' }

type ResponseBody<T> = { data?: T | null; errors?: WireError[] }

/**
 * One request by itself, without the refreshing that other requests get: for what makes and ends sessions.
 *
 * Throws a `Problem`.
 */
export async function post<T, V>(document: TypedDocumentNode<T, V>, variables: V, token?: string): Promise<T> {
  let body: ResponseBody<T>
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
    body = (await response.json()) as ResponseBody<T>
  } catch {
    throw serverUnreachable()
  }
  if (body.errors?.length) throw problemOfErrors(body.errors)
  if (body.data === null || body.data === undefined) throw serverUnreachable()
  return body.data
}

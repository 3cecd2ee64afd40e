import { stringifyDocument, type TypedDocumentNode } from '@urql/core'
import { problemOfErrors, serverUnreachable, type WireError } from './problem'

export const ENDPOINT = '/graphql'

/** Requests the refresh token as an HttpOnly cookie. Sent with every request. */
export const SESSION_HEADER = { 'x-jeton-session': 'cookie' }

type ResponseBody<T> = { data?: T | null; errors?: WireError[] }

/** Sends a request without refreshing the token first: for log-in, refresh and log-out. Throws a `Problem`. */
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
      // A page that closes must still receive the new cookie, or the next one would reuse the old refresh token.
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

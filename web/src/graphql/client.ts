import { cacheExchange, Client, fetchExchange, type AnyVariables, type TypedDocumentNode } from '@urql/core'
import { authExchange } from '@urql/exchange-auth'
import { ENDPOINT, SESSION_HEADER } from './post'
import { Problem, problemOfCombinedError, problemOfUserErrors, type UserError } from './problem'
import type { TokenSource } from './tokenSource'

/** Creates the client for queries and mutations of a user. One for each log-in, so that no cache is shared. */
export function createClient(session: TokenSource): Client {
  return new Client({
    url: ENDPOINT,
    preferGetMethod: false,
    fetchOptions: { headers: SESSION_HEADER },
    exchanges: [cacheExchange, authExchange((tools) => Promise.resolve(authentication(session, tools))), fetchExchange],
  })
}

type AuthTools = Parameters<Parameters<typeof authExchange>[0]>[0]

function authentication(
  session: TokenSource,
  tools: AuthTools,
): Awaited<ReturnType<Parameters<typeof authExchange>[0]>> {
  // The token of the last rejected request.
  let rejected: string | null = session.accessToken
  return {
    addAuthToOperation: (operation) => {
      const token = session.accessToken
      return token ? tools.appendHeaders(operation, { authorization: `Bearer ${token}` }) : operation
    },
    willAuthError: () => {
      rejected = session.accessToken
      return session.isStale
    },
    didAuthError: (error, operation) => {
      if (!error.graphQLErrors.some((one) => one.extensions.code === 'UNAUTHENTICATED')) return false
      rejected = tokenOf(operation.context.fetchOptions) ?? session.accessToken
      return true
    },
    refreshAuth: async () => {
      await session.refresh(rejected)
    },
  }
}

function tokenOf(options: RequestInit | (() => RequestInit) | undefined): string | null {
  const { headers } = (typeof options === 'function' ? options() : options) ?? {}
  return new Headers(headers).get('authorization')?.replace(/^Bearer /, '') ?? null
}

/** Runs a query, bypassing the cache. Throws a `Problem`. */
export async function query<T, V extends AnyVariables>(
  client: Client,
  document: TypedDocumentNode<T, V>,
  variables: V,
): Promise<T> {
  const { data, error } = await client.query(document, variables, { requestPolicy: 'network-only' }).toPromise()
  if (error) throw problemOfCombinedError(error)
  if (data === undefined) throw new Problem('INTERNAL', 'The server sent no answer.')
  return data
}

/** Runs a mutation, and returns its payload. Throws a `Problem`, also for validation errors. */
export async function mutate<K extends string, P extends { errors: UserError[] }, V extends AnyVariables>(
  client: Client,
  document: TypedDocumentNode<Record<K, P>, V>,
  variables: V,
): Promise<P> {
  const { data, error } = await client.mutation(document, variables).toPromise()
  if (error) throw problemOfCombinedError(error)
  const payload = data && Object.entries<P>(data).find(([name]) => name !== '__typename')?.[1]
  if (!payload) throw new Problem('INTERNAL', 'The server sent no answer.')
  const problem = problemOfUserErrors(payload.errors)
  if (problem) throw problem
  return payload
}

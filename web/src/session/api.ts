import {
  LoginDocument,
  LogoutDocument,
  LogoutEverywhereDocument,
  RefreshTokenDocument,
  RegisterDocument,
  ServerRulesDocument,
  type LoginMutation,
  type ServerRulesQuery,
  type ViewerFragment,
} from '../gql/session'
import { post } from '../graphql/post'
import { Problem, problemOfUserErrors } from '../graphql/problem'

/** A user and their access token. */
export type Credentials = { accessToken: string; user: ViewerFragment }

export type UsernameAndPassword = { username: string; password: string }

type Payload = LoginMutation['login']

function credentials({ accessToken, user, errors }: Payload): Credentials {
  const problem = problemOfUserErrors(errors)
  if (problem) throw problem
  if (!accessToken || !user) throw new Problem('INTERNAL', 'The server sent no session.')
  return { accessToken, user }
}

/** The rules of the server for registration, and the contact of its operator. */
export type ServerRules = ServerRulesQuery['server']

export async function fetchServerRules(): Promise<ServerRules> {
  return (await post(ServerRulesDocument, {})).server
}

export async function login(input: UsernameAndPassword): Promise<Credentials> {
  return credentials((await post(LoginDocument, { input })).login)
}

export async function register(input: UsernameAndPassword): Promise<Credentials> {
  return credentials((await post(RegisterDocument, { input })).register)
}

/** The error codes that mean that there is no session. After any other problem there may still be one. */
const NO_SESSION = new Set<Problem['code']>(['UNAUTHENTICATED', 'INVALID_INPUT', 'FORBIDDEN', 'NOT_FOUND'])

/** Refreshes the credentials by the cookie; null if there is no session any more. */
export async function refresh(): Promise<Credentials | null> {
  try {
    return credentials((await post(RefreshTokenDocument, {})).refreshToken)
  } catch (problem) {
    if (problem instanceof Problem && NO_SESSION.has(problem.code)) return null
    throw problem
  }
}

export async function logout(token: string): Promise<void> {
  await post(LogoutDocument, {}, token)
}

export async function logoutEverywhere(token: string): Promise<void> {
  await post(LogoutEverywhereDocument, {}, token)
}

import { createContext, use } from 'react'
import type { Client } from '@urql/core'
import type { PayerQuery, ViewerFragment } from '../gql/session'
import type { Socket } from '../graphql/socket'
import { useStore } from '../store/useStore'
import type { Session, SessionState } from './session'

export const SessionContext = createContext<Session | null>(null)

export function useSession(): Session {
  const session = use(SessionContext)
  if (!session) throw new Error('SessionContext is missing')
  return session
}

/** Returns the state of the session. */
export function useSessionState(): SessionState {
  return useStore(useSession())
}

/** The logged-in user, and their connections to the server. */
export type Viewer = { user: ViewerFragment; client: Client; socket: Socket }

export const ViewerContext = createContext<Viewer | null>(null)

/** Returns the viewer. For pages within `RequireAuth`. */
export function useViewer(): Viewer {
  const viewer = use(ViewerContext)
  if (!viewer) throw new Error('ViewerContext is missing')
  return viewer
}

/** A balance in prepaid tokens: spendable, and held for open chats. */
export type Balance = { tokens: number; held: number }

export const BalanceContext = createContext<Balance>({ tokens: 0, held: 0 })

/** Returns the current own balance of the viewer. */
export function useBalance(): Balance {
  return use(BalanceContext)
}

/** A group that pays for messages, with its balance. */
export type Payer = NonNullable<NonNullable<PayerQuery['me']>['payer']>

/** Who pays by default. */
export type PayerState = {
  /** Null for the own balance, and until it is loaded. */
  payer: Payer | null
  /** Loads the group's balance again, which changes without an event. */
  reload: () => void
}

export const PayerContext = createContext<PayerState>({ payer: null, reload: () => undefined })

/** Returns who pays by default. */
export function usePayer(): PayerState {
  return use(PayerContext)
}

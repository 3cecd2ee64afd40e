import type { Client } from '@urql/core'
import { useCallback, useMemo } from 'react'
import {
  AuditTrailDocument,
  ChatsDocument,
  LedgerEntriesDocument,
  UserSessionsDocument,
  UsersDocument,
  type AdminChatFragment,
  type AdminUserFragment,
  type AuditTrailQuery,
  type LedgerEntriesQuery,
  type UserSessionsQuery,
} from '../gql/admin'
import { KeysDocument } from '../gql/keys'
import { query } from '../graphql/client'
import { EMPTY_PAGE, type LoadPage } from '../graphql/pagedList'
import { usePages, type Pages } from '../graphql/usePages'
import { keyState, type Key } from '../keys/keyLabels'
import { useViewer } from '../session/context'
import {
  filterInput,
  timeRangeOf,
  type AuditFilters,
  type ChatFilters,
  type KeyFilters,
  type LedgerFilters,
  type UserFilters,
} from './filters'
import { filterPages } from './filterPages'

export type User = AdminUserFragment
export type ChatRow = AdminChatFragment
export type LedgerRow = NonNullable<LedgerEntriesQuery['ledgerEntries']>['nodes'][number]
export type AuditRow = NonNullable<AuditTrailQuery['auditTrail']>['nodes'][number]

export type SessionRow = NonNullable<UserSessionsQuery['userSessions']>['nodes'][number]

const PAGE = 50

/** The most rows that the server returns at once. */
export const MAX_PAGE = 100

/** Returns the loader of the users who match. */
export function userPages(client: Client, { orderBy, ...filters }: UserFilters, first = PAGE): LoadPage<User> {
  const variables = { first, ...filterInput(filters), orderBy }
  return async (after) => (await query(client, UsersDocument, { ...variables, after })).users ?? EMPTY_PAGE
}

export function useUsers({ search, active, role, minTokens, maxTokens, orderBy }: UserFilters): Pages<User> {
  const { client } = useViewer()
  const load = useMemo(
    () => userPages(client, { search, active, role, minTokens, maxTokens, orderBy }),
    [client, search, active, role, minTokens, maxTokens, orderBy],
  )
  return usePages(load)
}

export function useChats({ userId, search, model, status, since, until }: ChatFilters): Pages<ChatRow> {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) => {
      const variables = {
        first: PAGE,
        after,
        userId,
        search: search === '' ? null : search,
        model,
        status,
        ...timeRangeOf({ since, until }),
      }
      return (await query(client, ChatsDocument, variables)).chats ?? EMPTY_PAGE
    },
    [client, userId, search, model, status, since, until],
  )
  return usePages(load)
}

export function useKeys({ userId, search, state }: KeyFilters): Pages<Key> {
  const { client } = useViewer()
  const load = useCallback(
    (after: string | null) => {
      const loadPage = async (cursor: string | null) => {
        const variables = { first: PAGE, after: cursor, userId, search: search === '' ? null : search }
        return (await query(client, KeysDocument, variables)).userApiKeys ?? EMPTY_PAGE
      }
      // The API has no such filter.
      return state === null ? loadPage(after) : filterPages(loadPage, after, (key) => keyState(key) === state)
    },
    [client, userId, search, state],
  )
  return usePages(load)
}

export function useLedger({ userId, reasons, since, until }: LedgerFilters): Pages<LedgerRow> {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) => {
      const variables = { first: PAGE, after, userId, reasons, ...timeRangeOf({ since, until }) }
      return (await query(client, LedgerEntriesDocument, variables)).ledgerEntries ?? EMPTY_PAGE
    },
    [client, userId, reasons, since, until],
  )
  return usePages(load)
}

/** Returns the loader of the audit events that match. */
export function auditPages(client: Client, filters: AuditFilters, first = PAGE): LoadPage<AuditRow> {
  const { targetId, actorId, actions, since, until } = filters
  const variables = { first, targetId, actorId, actions, ...timeRangeOf({ since, until }) }
  return async (after) => (await query(client, AuditTrailDocument, { ...variables, after })).auditTrail ?? EMPTY_PAGE
}

export function useAudit({ targetId, actorId, actions, since, until }: AuditFilters): Pages<AuditRow> {
  const { client } = useViewer()
  const load = useMemo(
    () => auditPages(client, { targetId, actorId, actions, since, until }),
    [client, targetId, actorId, actions, since, until],
  )
  return usePages(load)
}

export function useSessions(userId: string): Pages<SessionRow> {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) =>
      (await query(client, UserSessionsDocument, { userId, first: PAGE, after })).userSessions ?? EMPTY_PAGE,
    [client, userId],
  )
  return usePages(load)
}

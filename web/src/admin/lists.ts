import { useCallback } from 'react'
import {
  AuditTrailDocument,
  ChatsDocument,
  LedgerEntriesDocument,
  UsersDocument,
  type AdminChatFragment,
  type AdminUserFragment,
  type AuditTrailQuery,
  type LedgerEntriesQuery,
} from '../gql/admin'
import { KeysDocument } from '../gql/keys'
import { query } from '../graphql/client'
import { EMPTY_PAGE } from '../graphql/pagedList'
import { usePages, type Pages } from '../graphql/usePages'
import type { Key } from '../keys/keyLabels'
import { useViewer } from '../session/context'
import {
  timeRangeOf,
  type AuditFilters,
  type ChatFilters,
  type KeyFilters,
  type LedgerFilters,
  type UserFilters,
} from './filters'

export type User = AdminUserFragment
export type ChatRow = AdminChatFragment
export type LedgerRow = NonNullable<LedgerEntriesQuery['ledgerEntries']>['nodes'][number]
export type AuditRow = NonNullable<AuditTrailQuery['auditTrail']>['nodes'][number]

const PAGE = 50

export function useUsers({ search, active, staff, orderBy }: UserFilters): Pages<User> {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) => {
      const variables = { first: PAGE, after, search: search === '' ? null : search, active, staff, orderBy }
      return (await query(client, UsersDocument, variables)).users ?? EMPTY_PAGE
    },
    [client, search, active, staff, orderBy],
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

export function useKeys({ userId, search }: KeyFilters): Pages<Key> {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) => {
      const variables = { first: PAGE, after, userId, search: search === '' ? null : search }
      return (await query(client, KeysDocument, variables)).userApiKeys ?? EMPTY_PAGE
    },
    [client, userId, search],
  )
  return usePages(load)
}

export function useLedger({ userId, since, until }: LedgerFilters): Pages<LedgerRow> {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) => {
      const variables = { first: PAGE, after, userId, ...timeRangeOf({ since, until }) }
      return (await query(client, LedgerEntriesDocument, variables)).ledgerEntries ?? EMPTY_PAGE
    },
    [client, userId, since, until],
  )
  return usePages(load)
}

export function useAudit({ targetId, actorId, since, until }: AuditFilters): Pages<AuditRow> {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) => {
      const variables = { first: PAGE, after, targetId, actorId, ...timeRangeOf({ since, until }) }
      return (await query(client, AuditTrailDocument, variables)).auditTrail ?? EMPTY_PAGE
    },
    [client, targetId, actorId, since, until],
  )
  return usePages(load)
}

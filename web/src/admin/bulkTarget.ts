import type { Client } from '@urql/core'
import { pluralize } from '../format/numbers'
import { isOperator } from '../format/roles'
import { BulkTargetDocument, type AdminUserFragment, type UserFilterInput } from '../gql/admin'
import { query } from '../graphql/client'
import { filterInput, type UserFilters } from './filters'

type User = AdminUserFragment

/** The users that a bulk action is about to change. */
export type BulkTarget = {
  filter: UserFilterInput
  /** The number of users who match, operators included. */
  count: number
  /** The number of users who are changed: operators are skipped. */
  changed: number
  /** The names of some of them. */
  names: string[]
}

/** The maximum number of users of one bulk action. */
export const MAX_BULK = 5_000

/** The number of names that are loaded of those who match a filter. */
const SAMPLE = 10

/** The selected users, as far as they are known before an action. */
export type BulkSelection = {
  /** "2 users", "All 2,001 users who match". */
  label: string
  /** The number of plain users who may log in, and who may not; null if it is unknown. */
  active: number | null
  inactive: number | null
  operators: number | null
  /** Returns whom an action changes; an (de)activation only those who are not as requested. */
  target: (active?: boolean) => Promise<BulkTarget>
}

/** The selection of rows of the list. */
export function selectRows(users: readonly User[]): BulkSelection {
  const plain = users.filter((user) => !isOperator(user))
  const active = plain.filter(({ isActive }) => isActive).length
  return {
    label: pluralize(users.length, 'user'),
    active,
    inactive: plain.length - active,
    operators: users.length - plain.length,
    target: (wanted) =>
      Promise.resolve(targetOf(plain.filter((user) => wanted === undefined || user.isActive !== wanted))),
  }
}

function targetOf(users: readonly User[]): BulkTarget {
  return {
    filter: { userIds: users.map(({ id }) => id) },
    count: users.length,
    changed: users.length,
    names: users.map(({ username }) => username),
  }
}

/** The selection of all users who match the filters of the list. */
export function selectMatching(client: Client, filters: UserFilters, total: number): BulkSelection {
  return {
    label: total === 1 ? '1 user who matches' : `All ${pluralize(total, 'user')} who match`,
    active: filters.active === false ? 0 : null,
    inactive: filters.active === true ? 0 : null,
    operators: null,
    target: (wanted) => loadTarget(client, wanted === undefined ? filters : { ...filters, active: !wanted }),
  }
}

/** Asks the server who matches. */
async function loadTarget(client: Client, filters: UserFilters): Promise<BulkTarget> {
  const filter = filterInput(filters)
  const matching = await query(client, BulkTargetDocument, { first: SAMPLE, ...filter })
  const isPlain = filter.staff !== true && filter.superuser !== true
  return {
    filter,
    count: matching.all?.totalCount ?? 0,
    changed: isPlain ? (matching.plain?.totalCount ?? 0) : 0,
    names: isPlain ? (matching.plain?.nodes.map(({ username }) => username) ?? []) : [],
  }
}

import type { Client } from '@urql/core'
import { expect, it } from 'vitest'
import { Problem } from '../graphql/problem'
import { activatedLabel, adjustedLabel, adjustmentSum } from './bulkLabels'
import { BulkRequest } from './bulkRequest'
import { selectMatching, selectRows } from './bulkTarget'
import { ALL_USERS } from './filters'
import type { User } from './lists'

function user(username: string, more: Partial<User> = {}): User {
  return {
    id: `id-${username}`,
    username,
    isActive: true,
    isStaff: false,
    isSuperuser: false,
    createdAt: '2026-01-01T00:00:00Z',
    lastLoginAt: null,
    lastActiveAt: null,
    spent: 0,
    balance: { tokens: 0, held: 0 },
    ...more,
  }
}

it('names the sum of an adjustment of several balances', () => {
  expect(adjustmentSum(50, 500)).toBe('50 × 500 = 25,000 tokens')
  expect(adjustmentSum(2, -1_000)).toBe('2 × −1,000 = −2,000 tokens')
})

it('summarizes what a bulk action did, and whom it skipped', () => {
  const done = { adjusted: 50, total: 25_000, skippedOperators: 1, skippedOutOfRange: 0 }
  expect(adjustedLabel(500, done)).toBe(
    'Added 500 tokens to 50 users, 25,000 in all. 1 account of staff or superusers skipped.',
  )
  expect(adjustedLabel(-1, { adjusted: 1, total: -1, skippedOperators: 0, skippedOutOfRange: 2 })).toBe(
    'Removed 1 token from 1 user. 2 users skipped: the balance can’t go below 0 or above the maximum.',
  )
  expect(activatedLabel(false, 50, { skippedOperators: 0 })).toBe('50 users deactivated.')
})

it('selects rows without the operators, and only those who are not as requested', async () => {
  const users = [user('mia'), user('tom', { isActive: false }), user('sue', { isStaff: true })]
  const selection = selectRows(users)
  expect(selection).toMatchObject({ label: '3 users', active: 1, inactive: 1, operators: 1 })
  expect(await selection.target()).toMatchObject({ changed: 2, names: ['mia', 'tom'] })
  expect(await selection.target(false)).toEqual({
    filter: { userIds: ['id-mia'] },
    count: 1,
    changed: 1,
    names: ['mia'],
  })
})

it('asks the server who matches, and which of them are plain users', async () => {
  const asked: unknown[] = []
  const client = {
    query: (_: unknown, variables: unknown) => {
      asked.push(variables)
      const data = { all: { totalCount: 2001 }, plain: { totalCount: 1999, nodes: [{ id: 'u', username: 'ann' }] } }
      return { toPromise: () => Promise.resolve({ data }) }
    },
  } as unknown as Client
  const filters = { ...ALL_USERS, search: 'a', maxTokens: 99 }
  const selection = selectMatching(client, filters, 2001)
  expect(selection.label).toBe('All 2,001 users who match')
  const target = await selection.target(false)
  expect(target).toMatchObject({ count: 2001, changed: 1999, names: ['ann'] })
  expect(target.filter).toMatchObject({ search: 'a', maxTokens: 99, active: true, staff: null })
  expect(asked).toEqual([{ first: 10, ...target.filter }])
  // Operators are skipped, so of staff alone nobody is left.
  expect((await selectMatching(client, { ...filters, role: 'staff' }, 3).target()).changed).toBe(0)
})

it('continues a bulk change with its key after a failure, and begins another one after a conflict', async () => {
  const request = new BulkRequest()
  const keys: string[] = []
  const send = (code: 'UNAVAILABLE' | 'CONFLICT' | null, content = 'a') =>
    request
      .run(content, (key) => {
        keys.push(key)
        return code === null ? Promise.resolve() : Promise.reject(new Problem(code, 'no'))
      })
      .catch(() => undefined)
  for (const code of ['UNAVAILABLE', 'CONFLICT', null, null] as const) await send(code)
  await send('UNAVAILABLE', 'b')
  expect(keys[1]).toBe(keys[0])
  expect(new Set(keys).size).toBe(4)
})

import { print } from 'graphql'
import { expect, it } from 'vitest'
import { ChatAnswerDocument, ChatsDocument } from '../gql/admin'
import { Problem } from '../graphql/problem'
import { actionsOf } from './actionFilters'
import { parseAdjustment } from './adjustment'
import { bulkSummary, forEach } from './bulk'
import { deletionSummary, describeChat } from './chatLabels'
import { filterPages } from './filterPages'
import { parseTokens, timeRangeOf, userSort } from './filters'
import { loadAll } from './loadAll'
import { reasonsOf } from './reasonFilters'
import { roleQuestion } from './roleQuestion'

it('adjusts by an amount, or to one', () => {
  expect(parseAdjustment({ mode: 'by', amount: -50 }, 100)).toBe(-50)
  expect(parseAdjustment({ mode: 'to', amount: 250 }, 100)).toBe(150)
  for (const amount of ['', 1.5, 2 ** 53]) expect(parseAdjustment({ mode: 'by', amount }, 100)).toBeNull()
  expect(parseAdjustment({ mode: 'to', amount: 100 }, 100)).toBeNull()
})

it('continues a bulk action after a failure', async () => {
  const result = await forEach(
    ['mia', 'tom', 'eva'],
    (name) => name,
    (name) => (name === 'tom' ? Promise.reject(new Problem('FORBIDDEN', 'Not allowed.')) : Promise.resolve()),
  )
  expect(result.succeeded).toEqual(['mia', 'eva'])
  expect(bulkSummary(result, (rows) => `${rows.length} users deactivated.`)).toBe(
    '2 users deactivated. tom: Not allowed.',
  )
})

it('tells the first failures of a bulk action, and counts the rest', async () => {
  const result = await forEach(
    ['a', 'b', 'c', 'd', 'e'],
    (name) => name,
    () => Promise.reject(new Problem('FORBIDDEN', 'No.')),
  )
  expect(bulkSummary(result, () => 'never')).toBe('a: No. b: No. c: No. 2 more failed.')
})

it('asks before a change of a role, with what it allows', () => {
  const granted = roleQuestion('mia', 'superuser', true)
  expect([granted.title, granted.confirm, granted.done]).toEqual([
    'Make mia a superuser?',
    'Make superuser',
    'mia is a superuser now.',
  ])
  expect(roleQuestion('mia', 'staff', true).text).toMatch(/sets passwords/)
  expect(roleQuestion('mia', 'staff', false).title).toBe('Remove mia from staff?')
})

it('describes a chat by its beginning and its user', () => {
  expect(describeChat({ message: 'Hello', user: { id: 'u1', username: 'mia' } })).toBe('“Hello” of mia')
  expect(describeChat({ message: 'a'.repeat(99), user: null })).toBe(`“${'a'.repeat(40)}…” of somebody`)
  expect(describeChat({ message: '', user: null })).toBe('not stored (API call) of somebody')
})

it('summarizes a deletion, with the answers that it stops', () => {
  expect(deletionSummary([{ status: 'DONE' }])).toMatch(/^The text is deleted permanently/)
  expect(deletionSummary([{ status: 'DONE' }, { status: 'PENDING' }])).toMatch(/^Answers in progress are stopped first/)
})

it('sorts by a header, first in the useful direction and then in the other', () => {
  expect(userSort('balance', 'NEWEST')).toEqual({ direction: null, next: 'MOST_TOKENS' })
  expect(userSort('balance', 'MOST_TOKENS')).toEqual({ direction: 'descending', next: 'FEWEST_TOKENS' })
  expect(userSort('name', 'FEWEST_TOKENS')).toEqual({ direction: null, next: 'NAME' })
  expect(userSort('name', 'NAME')).toEqual({ direction: 'ascending', next: 'NAME_DESCENDING' })
  expect(userSort('created', 'NEWEST')).toEqual({ direction: 'descending', next: 'OLDEST' })
  expect(userSort('spent', 'MOST_SPENT')).toEqual({ direction: 'descending', next: 'LEAST_SPENT' })
  expect(userSort('active', 'NEWEST').next).toBe('RECENTLY_ACTIVE')
  expect(userSort('login', 'NEWEST').next).toBe('RECENT_LOGIN')
})

it('ends a date range with its last day, in the local time zone', () => {
  expect(timeRangeOf({ since: '2026-01-31', until: '2026-01-31' })).toEqual({
    since: new Date(2026, 0, 31).toISOString(),
    until: new Date(2026, 1, 1).toISOString(),
  })
  expect(timeRangeOf({ since: null, until: 'soon' })).toEqual({ since: null, until: null })
})

it('lists chats without their answers, which are loaded one at a time', () => {
  expect(print(ChatsDocument)).not.toContain('response')
  expect(print(ChatAnswerDocument)).toContain('response')
})

it('filters keys by a state that the API does not know, reading on until there are some', async () => {
  const pages = [['a', 'b'], ['c'], ['match', 'd'], ['match']]
  const load = (after: string | null) => {
    const at = Number(after ?? 0)
    const hasNextPage = at + 1 < pages.length
    return Promise.resolve({ nodes: pages[at] ?? [], pageInfo: { endCursor: String(at + 1), hasNextPage } })
  }
  const first = await filterPages(load, null, (row) => row === 'match')
  expect(first.nodes).toEqual(['match'])
  expect(first.pageInfo).toEqual({ endCursor: '3', hasNextPage: true })
  const last = await filterPages(load, '3', (row) => row === 'match')
  expect(last).toEqual({ nodes: ['match'], pageInfo: { endCursor: '4', hasNextPage: false }, totalCount: null })
})

it('loads all pages of a list, each row once', async () => {
  const pages = [
    ['a', 'b'],
    ['b', 'c'],
  ]
  const rows = await loadAll((after) => {
    const at = Number(after ?? 0)
    const nodes = (pages[at] ?? []).map((id) => ({ id }))
    return Promise.resolve({ nodes, pageInfo: { endCursor: String(at + 1), hasNextPage: at === 0 } })
  })
  expect(rows.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
})

it('parses amounts of tokens of the address', () => {
  expect(['100', '0', '', '-1', '1.5', 'x', '99999999999999999999'].map(parseTokens)).toEqual([
    100,
    0,
    ...Array.from({ length: 5 }, () => null),
  ])
})

it('filters the ledger by groups of reasons, and by single ones', () => {
  expect(reasonsOf('top-ups')).toEqual(['ADJUSTMENT'])
  expect(reasonsOf('chat_failed')).toEqual(['CHAT_FAILED'])
  expect(reasonsOf(null)).toBeNull()
  expect(reasonsOf('nonsense')).toBeNull()
  expect(actionsOf('reads')).toEqual(['CHAT_READ'])
  expect(actionsOf('prices')).toEqual(['MODEL_SET_PRICE'])
  // A new array would be a new filter, and load the list again.
  expect(reasonsOf('answers')).toBe(reasonsOf('answers'))
})

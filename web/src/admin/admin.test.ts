import { print } from 'graphql'
import { expect, it } from 'vitest'
import { ChatAnswerDocument, ChatsDocument } from '../gql/admin'
import { Problem } from '../graphql/problem'
import { adjustmentSum, parseAdjustment } from './adjustment'
import { actionLabel, formatDetails, targetOwner } from './auditLabels'
import { bulkSummary, forEach } from './bulk'
import { deletionSummary, describeChat } from './chatLabels'
import { byDay, modelsOf, type DailyUsage } from './dashboard/data'
import { instantRange, timeRangeOf, userSort } from './filters'
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

it('names the sum of an adjustment of several balances', () => {
  expect(adjustmentSum(50, 500)).toBe('50 × 500 = 25,000 tokens')
  expect(adjustmentSum(2, -1_000)).toBe('2 × −1,000 = −2,000 tokens')
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

it('labels audited actions with the owner of the target', () => {
  const act = (action: string) => actionLabel({ action, targetName: 'mia', details: '{}' })
  expect(act('user.delete')).toBe('Deleted the account')
  expect(act('chat.delete')).toBe('Deleted a message of mia')
  expect(act('chat.usage_over_hold')).toBe('The usage of a message of mia exceeded what was reserved')
  expect(act('rocket.launch')).toBe('rocket.launch')
})

it('labels actions on API keys by the key and its owner', () => {
  const details = '{"name":"my tool","scopes":"completions,read","user":"mia"}'
  const act = { action: 'api_key.revoke', targetName: 'jt-0123456789ab', details }
  expect(actionLabel(act)).toBe('Revoked the API key jt-0123456789ab… of mia (my tool)')
  expect(actionLabel({ ...act, action: 'api_key.create' })).toMatch(/^Created the API key jt-/)
  expect(targetOwner(act)).toBe('mia')
  expect(formatDetails(act)).toBe('scopes: completions, read')
  expect(actionLabel({ ...act, details: 'nonsense' })).toBe('Revoked the API key jt-0123456789ab… of jt-0123456789ab')
})

it('formats the details of audited actions, and shows invalid ones as they are', () => {
  const format = (details: string) => formatDetails({ action: 'user.update', details })
  expect(format('{"amount":500,"reason":"Thanks"}')).toBe('amount: 500, reason: Thanks')
  expect(format('{"written_off":0,"staff":true}')).toBe('written off: 0, staff: yes')
  expect(format('{"created_at":"2026-01-31T12:00:00Z"}')).toMatch(/^created at: .*31.*2026/)
  expect(format('nonsense')).toBe('nonsense')
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
})

it('ends a date range with its last day, in the local time zone', () => {
  expect(timeRangeOf({ since: '2026-01-31', until: '2026-01-31' })).toEqual({
    since: new Date(2026, 0, 31).toISOString(),
    until: new Date(2026, 1, 1).toISOString(),
  })
  expect(timeRangeOf({ since: null, until: 'soon' })).toEqual({ since: null, until: null })
})

it('groups usage by day, with a value for each model', () => {
  const day = (day: string, model: string, messages: number): DailyUsage => ({
    day,
    model,
    messages,
    tokens: 0,
    activeUsers: 0,
    failures: 0,
  })
  const days = [day('2026-01-02', 'b', 2), day('2026-01-01', 'a', 1), day('2026-01-02', 'a', 3)]
  expect(modelsOf(days)).toEqual(['a', 'b'])
  expect(byDay(days, 'messages')).toEqual([
    { day: '2026-01-01', a: 1, b: 0 },
    { day: '2026-01-02', a: 3, b: 2 },
  ])
})

it('lists chats without their answers, which are loaded one at a time', () => {
  expect(print(ChatsDocument)).not.toContain('response')
  expect(print(ChatAnswerDocument)).toContain('response')
  expect(instantRange('2026-01-01T00:00:00.123456Z')).toEqual({
    since: '2026-01-01T00:00:00.123456Z',
    until: '2026-01-01T00:00:00.124Z',
  })
})

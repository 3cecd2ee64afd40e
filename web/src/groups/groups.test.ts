import { expect, it } from 'vitest'
import { causeOf, groupRoleLabel, membersLabel, payerLabel, payersOf, ROLE_CHOICES, type Group } from './groups'

function fakeGroup(id: string, tokens: number, change: Partial<Group> = {}): Group {
  const balance = { tokens, held: 0 }
  return { id, name: id, description: '', isDefault: false, memberCount: 1, balance, ...change }
}

it('offers the default group as the payer only if it has tokens, or pays already', () => {
  const team = fakeGroup('team', 0)
  const everyone = fakeGroup('everyone', 0, { isDefault: true, memberCount: null })
  expect(payersOf([team, everyone], null)).toEqual([team])
  expect(payersOf([team, everyone], 'everyone')).toEqual([team, everyone])
  expect(payersOf([fakeGroup('everyone', 1, { isDefault: true })], null)).toHaveLength(1)
  expect(payersOf([everyone], null)).toEqual([])
})

it('labels a payer with what is left', () => {
  expect(payerLabel({ name: 'Team', balance: { tokens: 1900, held: 100 } })).toBe('Team · 1,900')
  expect(payerLabel({ name: 'Team', balance: null })).toBe('Team')
})

it('counts members, of the default group not', () => {
  expect(membersLabel({ memberCount: 1 })).toBe('1 member')
  expect(membersLabel({ memberCount: 1200 })).toBe('1,200 members')
  expect(membersLabel({ memberCount: null })).toBe('everyone')
})

it('labels roles', () => {
  expect(ROLE_CHOICES.map(({ label }) => label)).toEqual(['Member', 'Manager'])
  expect(groupRoleLabel('MANAGER')).toBe('Manager')
  expect(groupRoleLabel('OWNER' as 'MANAGER')).toBe('OWNER')
})

it('names who caused an entry: the member, else the operator', () => {
  const tom = { id: '1', username: 'tom' }
  const sue = { id: '2', username: 'sue' }
  expect(causeOf({ user: tom, actor: null, reason: 'CHAT_DONE' })).toBe('tom')
  expect(causeOf({ user: null, actor: sue, reason: 'ADJUSTMENT' })).toBe('sue')
  expect(causeOf({ user: null, actor: null, reason: 'ADJUSTMENT' })).toBe('an operator')
  expect(causeOf({ user: null, actor: null, reason: 'CHAT_DONE' })).toBe('a deleted account')
})

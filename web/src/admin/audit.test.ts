import { expect, it } from 'vitest'
import { actionLabel, formatDetails, isOfOneChat, targetOwner } from './auditLabels'

it('labels audited actions with the owner of the target', () => {
  const act = (action: string) => actionLabel({ action, targetName: 'mia', details: '{}' })
  expect(act('user.delete')).toBe('Deleted the account')
  expect(act('chat.delete')).toBe('Deleted a message of mia')
  expect(act('chat.usage_over_hold')).toBe('The usage of a message of mia exceeded what was reserved')
  expect(act('user.log_out')).toBe('Logged the user out of all devices')
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

it('tells a change of an account by what changed', () => {
  const act = (details: string) => {
    const event = { action: 'user.update', targetName: 'mia', details }
    return [actionLabel(event), formatDetails(event)]
  }
  expect(act('{"active":{"from":true,"to":false}}')).toEqual(['Deactivated the account', 'active: yes → no'])
  expect(act('{"active":{"from":false,"to":true},"bulk":true}')).toEqual([
    'Activated the account',
    'active: no → yes, in bulk',
  ])
  expect(act('{"staff":{"from":false,"to":true}}')).toEqual(['Changed the role', 'staff: no → yes'])
  // As earlier versions told it.
  expect(act('{"active":false,"staff":false}')).toEqual(['Changed the account', 'active: no, staff: no'])
})

it('tells an adjustment as a change of the balance', () => {
  const format = (details: string) => formatDetails({ action: 'balance.adjust', details })
  expect(format('{"amount":500,"tokens":4500,"reason":"Thanks"}')).toBe('+500 (balance: 4,000 → 4,500), reason: Thanks')
  expect(format('{"amount":-100,"tokens":0}')).toBe('−100 (balance: 100 → 0)')
  expect(format('{"amount":500,"reason":"Thanks"}')).toBe('amount: 500, reason: Thanks')
})

it('labels actions on groups by their names', () => {
  const act = (action: string, details = '{}') => {
    const event = { action, targetName: 'Team', details }
    return [actionLabel(event), formatDetails(event)]
  }
  expect(act('group.create')).toEqual(['Created the group Team', ''])
  expect(act('group.update', '{"name":{"from":"A","to":"Team"}}')).toEqual(['Changed the group Team', 'name: A → Team'])
  expect(act('group.delete', '{"written_off":900}')).toEqual(['Deleted the group Team', 'written off: 900'])
  expect(act('group.update_member', '{"user":"mia","role":"manager"}')).toEqual([
    'Changed the role of a member of the group Team',
    'user: mia, role: manager',
  ])
  expect(act('group.add_members')[0]).toBe('Added members to the group Team')
  expect(act('group.remove_member')[0]).toBe('Removed a member from the group Team')
  expect(act('group.adjust_balance', '{"amount":500,"tokens":900,"reason":"May"}')).toEqual([
    'Adjusted the balance of the group Team',
    '+500 (balance: 400 → 900), reason: May',
  ])
})

it('tells reads of messages, of one or of several', () => {
  const read = (chats: number) => ({ action: 'chat.read', targetName: 'mia', details: JSON.stringify({ chats }) })
  expect([actionLabel(read(1)), formatDetails(read(1))]).toEqual(['Read a message of mia', ''])
  expect([actionLabel(read(1200)), formatDetails(read(1200))]).toEqual(['Read messages of mia', 'messages: 1,200'])
  expect([read(1), read(2)].map(isOfOneChat)).toEqual([true, false])
})

it('tells changes of the catalog by its names', () => {
  const act = (action: string, details = '{}') => actionLabel({ action, targetName: 'gpt', details })
  expect(act('provider.create')).toBe('Connected the provider gpt')
  expect(act('provider.update')).toBe('Changed the provider gpt')
  expect(act('provider.delete')).toBe('Deleted the provider gpt')
  expect(act('breaker.reset')).toBe('Reset the circuit breakers of gpt')
  expect(act('model.create')).toBe('Added the model gpt')
  expect(act('model.delete')).toBe('Deleted the model gpt')
  expect(act('model.set_price')).toBe('Set the price of the model gpt')
  expect(act('model.set_default', '{"from":null,"to":"gpt"}')).toBe('Made gpt the default model')
  expect(act('model.set_default', '{"from":"gpt","to":null}')).toBe('Left the default model to the configuration')
  expect(act('config.reload')).toBe('Reloaded the configuration of the server gpt')
  expect(act('model.update', '{"enabled":{"from":true,"to":false}}')).toBe('Disabled the model gpt')
  expect(act('model.update', '{"enabled":{"from":false,"to":true}}')).toBe('Enabled the model gpt')
  expect(act('model.update', '{"enabled":{"from":false,"to":true},"tools":{"from":false,"to":true}}')).toBe(
    'Changed the model gpt',
  )
})

it('tells changes of webhooks by their names', () => {
  const act = (action: string) => actionLabel({ action, targetName: 'hook', details: '{}' })
  expect(act('webhook.create')).toBe('Added the webhook hook')
  expect(act('webhook.rotate_secret')).toBe('Replaced the secret of the webhook hook')
  expect(act('webhook.disable')).toBe('Disabled the webhook hook, which failed')
})

it('formats audited prices', () => {
  const format = (action: string, details: unknown) => formatDetails({ action, details: JSON.stringify(details) })
  const from = { per_message: 100 }
  expect(format('model.set_price', { from, to: { per_message: 0 }, version: 2 })).toBe(
    '100 tokens a message → free (version 2)',
  )
  expect(format('model.create', { price: from, enabled: true })).toBe('price: 100 tokens a message, enabled: yes')
  expect(format('provider.update', { key: { from: null, to: '..cdef' } })).toBe('key: none → ..cdef')
})

it('formats the details of audited actions, and shows invalid ones as they are', () => {
  const format = (details: string) => formatDetails({ action: 'user.delete', details })
  expect(format('{"written_off":0,"staff":true}')).toBe('written off: 0, staff: yes')
  expect(format('{"created_at":"2026-01-31T12:00:00Z"}')).toMatch(/^created at: .*31.*2026/)
  expect(format('nonsense')).toBe('nonsense')
})

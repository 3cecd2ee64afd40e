import { expect, it } from 'vitest'
import { attemptLabel, EVENTS, formatPayload, webhookState } from './labels'
import type { Delivery, Webhook } from './lists'

const WEBHOOK: Webhook = {
  id: '1',
  name: 'hook',
  url: 'https://hooks.example/',
  events: ['USER_CREATED'],
  enabled: true,
  disabledReason: null,
  failingSince: null,
  previousSecretUntil: null,
}

const DELIVERY: Delivery = {
  id: '1',
  eventId: 'msg_1',
  event: 'USER_CREATED',
  payload: '{}',
  state: 'DELIVERED',
  attempts: 1,
  nextAttemptAt: null,
  lastAttemptAt: '2026-01-31T12:00:00Z',
  lastStatus: 204,
  lastError: null,
  createdAt: '2026-01-31T12:00:00Z',
}

it('tells the state of a webhook', () => {
  expect(webhookState(WEBHOOK).label).toBe('enabled')
  const failing = webhookState({ ...WEBHOOK, failingSince: '2026-01-31T12:00:00Z' })
  expect(failing).toMatchObject({ label: 'failing', detail: expect.stringMatching(/^since .*31/) as string })
  const disabled = (disabledReason: Webhook['disabledReason']) =>
    webhookState({ ...WEBHOOK, enabled: false, disabledReason })
  expect(disabled('OPERATOR')).toEqual({ label: 'disabled', color: 'gray', detail: 'By a superuser' })
  expect(disabled('GONE').detail).toBe('The receiver is gone (410)')
  expect(disabled('FAILING').detail).toBe('It failed for days')
})

it('tells the attempts of a delivery', () => {
  expect(attemptLabel(DELIVERY)).toBe('1 attempt · status 204')
  const failed = { ...DELIVERY, attempts: 3, lastStatus: 500, lastError: 'The receiver responded 500.' }
  expect(attemptLabel(failed)).toBe('3 attempts · The receiver responded 500.')
  expect(attemptLabel({ ...failed, nextAttemptAt: '2026-01-31T12:00:00Z' })).toMatch(/500\. · next .*31/)
  const waiting = { ...DELIVERY, attempts: 0, lastStatus: null, nextAttemptAt: '2026-01-31T12:00:00Z' }
  expect(attemptLabel(waiting)).toBe('0 attempts')
})

it('formats payloads, and offers all events but tests', () => {
  expect(formatPayload('{"a":1}')).toBe('{\n  "a": 1\n}')
  expect(formatPayload('nonsense')).toBe('nonsense')
  expect(EVENTS).toHaveLength(6)
  expect(EVENTS).not.toContain('WEBHOOK_TEST')
})

import { formatDateTime } from '../../format/dates'
import type { WebhookDeliveryState, WebhookDisabledReason, WebhookEvent } from '../../gql/admin'
import type { Delivery, Webhook } from './lists'

type Label = { type: string; label: string }

/** The events, by the type that is sent. */
export const EVENT_LABELS: Record<WebhookEvent, Label> = {
  USER_CREATED: { type: 'user.created', label: 'A user registered, or was created' },
  CHAT_FAILED: { type: 'chat.failed', label: 'A message failed' },
  BALANCE_ADJUSTED: { type: 'balance.adjusted', label: 'An operator adjusted a balance' },
  BALANCE_LOW: { type: 'balance.low', label: 'A balance became low' },
  PROVIDER_DOWN: { type: 'provider.down', label: 'A provider stopped responding' },
  PROVIDER_RECOVERED: { type: 'provider.recovered', label: 'A provider responds again' },
  WEBHOOK_TEST: { type: 'webhook.test', label: 'A test' },
}

/** The events that a webhook can receive; a test goes to every one. */
export const EVENTS = (Object.keys(EVENT_LABELS) as WebhookEvent[]).filter((event) => event !== 'WEBHOOK_TEST')

export const STATE_LABELS: Record<WebhookDeliveryState, { label: string; color: string }> = {
  DELIVERED: { label: 'delivered', color: 'teal' },
  PENDING: { label: 'pending', color: 'yellow' },
  FAILED: { label: 'failed', color: 'red' },
}

const REASONS: Record<WebhookDisabledReason, string> = {
  OPERATOR: 'By a superuser',
  GONE: 'The receiver is gone (410)',
  FAILING: 'It failed for days',
}

type State = { label: string; color: string; detail: string | null }

/** Returns the state of a webhook. */
export function webhookState({ disabledReason, failingSince }: Webhook): State {
  if (disabledReason !== null) return { label: 'disabled', color: 'gray', detail: REASONS[disabledReason] }
  if (failingSince !== null)
    return { label: 'failing', color: 'orange', detail: `since ${formatDateTime(failingSince)}` }
  return { label: 'enabled', color: 'teal', detail: null }
}

/** Tells the last attempt of a delivery, and when the next one is. */
export function attemptLabel({ attempts, lastStatus, lastError, nextAttemptAt }: Delivery): string {
  const made = attempts === 1 ? '1 attempt' : `${attempts} attempts`
  const last = lastError ?? (lastStatus === null ? null : `status ${lastStatus}`)
  const next = nextAttemptAt === null || attempts === 0 ? null : `next ${formatDateTime(nextAttemptAt)}`
  return [made, last, next].filter((part) => part !== null).join(' · ')
}

/** Formats a payload for reading; one that is no JSON is shown as it is. */
export function formatPayload(payload: string): string {
  try {
    return JSON.stringify(JSON.parse(payload), null, 2)
  } catch {
    return payload
  }
}

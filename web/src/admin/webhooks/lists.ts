import { useCallback } from 'react'
import {
  WebhookDeliveriesDocument,
  WebhooksDocument,
  type AdminDeliveryFragment,
  type AdminWebhookFragment,
  type WebhookDeliveryState,
} from '../../gql/admin'
import { query } from '../../graphql/client'
import { EMPTY_PAGE } from '../../graphql/pagedList'
import { usePages, type Pages } from '../../graphql/usePages'
import { useViewer } from '../../session/context'

export type Webhook = AdminWebhookFragment
export type Delivery = AdminDeliveryFragment

const PAGE = 50

export function useWebhooks(): Pages<Webhook> {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) =>
      (await query(client, WebhooksDocument, { first: PAGE, after })).webhooks ?? EMPTY_PAGE,
    [client],
  )
  return usePages(load)
}

/** The deliveries of a webhook, newest first. */
export function useDeliveries(id: string, state: WebhookDeliveryState | null): Pages<Delivery> {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) => {
      const found = await query(client, WebhookDeliveriesDocument, { id, first: 10, after, state })
      return found.webhook?.deliveries ?? EMPTY_PAGE
    },
    [client, id, state],
  )
  return usePages(load)
}

import { modals } from '@mantine/modals'
import type { Client } from '@urql/core'
import { lazy, Suspense } from 'react'
import { Provider } from 'urql'
import { PageLoader } from '../ui/PageLoader'

const ReceiptContent = lazy(() => import('./ReceiptContent'))

/** Opens the dialog that shows how the cost of a message was calculated. When it is closed, `opener` has the focus. */
export function openReceipt(client: Client, chatId: string, opener: HTMLElement | null): void {
  modals.open({
    title: 'Receipt',
    size: 'lg',
    closeButtonProps: { 'aria-label': 'Close' },
    // Dialogs are rendered outside the pages.
    children: (
      <Provider value={client}>
        <Suspense fallback={<PageLoader />}>
          <ReceiptContent chatId={chatId} />
        </Suspense>
      </Provider>
    ),
    onClose: () => setTimeout(() => opener?.focus()),
  })
}

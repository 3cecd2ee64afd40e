import { Button, Modal } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconKey } from '@tabler/icons-react'
import { lazy, Suspense, useCallback, useState } from 'react'
import { OwnKeysDocument } from '../gql/keys'
import { query } from '../graphql/client'
import { EMPTY_PAGE } from '../graphql/pagedList'
import { usePages } from '../graphql/usePages'
import { useViewer } from '../session/context'
import { PageLoader } from '../ui/PageLoader'
import { RowsTable } from '../ui/RowsTable'
import { Section } from '../ui/Section'
import { keyColumns } from './keyColumns'
import { activeFirst, type Key } from './keyLabels'
import { SecretDialog, type CreatedKey } from './SecretDialog'
import { useRevoke } from './useRevoke'

// Loads the calendar and the multiple select.
const CreateKeyForm = lazy(() => import('./CreateKeyForm'))

const COLUMNS_WIDTH = 900
/** The maximum number of valid keys per user, so that the first page contains all of them. */
const PAGE = 100

/** The API keys of the viewer. */
export function KeysCard() {
  const { client } = useViewer()
  const [isCreating, creation] = useDisclosure(false)
  const [created, setCreated] = useState<CreatedKey | null>(null)
  const load = useCallback(
    async (after: string | null) =>
      (await query(client, OwnKeysDocument, { first: PAGE, after })).apiKeys ?? EMPTY_PAGE,
    [client],
  )
  const pages = usePages<Key>(load)
  const revoke = useRevoke(pages)
  return (
    <Section
      title="API keys"
      description="For scripts and apps. A key works until you revoke it."
      action={
        <Button leftSection={<IconKey size={16} />} onClick={creation.open}>
          New key…
        </Button>
      }
    >
      <RowsTable
        pages={{ ...pages, rows: activeFirst(pages.rows) }}
        columns={keyColumns(revoke)}
        noun="key"
        empty="No API keys yet"
        minWidth={COLUMNS_WIDTH}
        isDimmed={({ active }) => !active}
      />
      <Modal
        opened={isCreating}
        onClose={creation.close}
        title="New API key"
        size="lg"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <Suspense fallback={<PageLoader height="20rem" />}>
          <CreateKeyForm
            onCreated={(key) => {
              creation.close()
              setCreated(key)
              pages.reload()
            }}
          />
        </Suspense>
      </Modal>
      <SecretDialog created={created} onClose={() => setCreated(null)} />
    </Section>
  )
}

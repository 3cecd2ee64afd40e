import { Anchor } from '@mantine/core'
import { contactHref } from './contact'

/** Asks to turn to the operator, with the contact if the server has one. */
export function OperatorContact({ contact }: { contact: string | null | undefined }) {
  if (!contact) return 'Ask your operator.'
  const href = contactHref(contact)
  return (
    <>
      Ask your operator:{' '}
      {href === null ? (
        contact
      ) : (
        <Anchor href={href} underline="always" style={{ overflowWrap: 'anywhere' }}>
          {contact}
        </Anchor>
      )}
    </>
  )
}

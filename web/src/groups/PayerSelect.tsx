import { Select } from '@mantine/core'
import type { ReactNode } from 'react'
import { usePayer } from '../session/context'
import { payerLabel } from './groups'
import { usePayers } from './usePayers'

type Props = { value: string | null; onChange: (groupId: string | null) => void; error?: ReactNode }

/** The option for who pays by default. No id of a group. */
const DEFAULT = 'default'

/** A select for the group that pays for a conversation or an API key. Nothing if there is no group to choose. */
export function PayerSelect({ value, onChange, error }: Props) {
  const { payer } = usePayer()
  const payers = usePayers(value)
  if (payers.length === 0) return null
  return (
    <Select
      label="Paid by"
      data={[
        { value: DEFAULT, label: `As in your account (${payer ? payer.name : 'own balance'})` },
        ...payers.map((group) => ({ value: group.id, label: payerLabel(group) })),
      ]}
      value={value ?? DEFAULT}
      onChange={(chosen) => onChange(chosen === DEFAULT ? null : chosen)}
      allowDeselect={false}
      error={error}
    />
  )
}

import { Anchor, Group, Select, Text } from '@mantine/core'
import { useState } from 'react'
import { Link } from 'react-router'
import { formatCount } from '../format/numbers'
import { SetPayerDocument } from '../gql/groups'
import { mutate } from '../graphql/client'
import { useBalance, usePayer, useViewer } from '../session/context'
import { notifyProblem } from '../ui/confirm'
import { Section } from '../ui/Section'
import { showToast } from '../ui/toast'
import { groupPath } from './groupPath'
import { payerLabel } from './groups'
import { usePayers } from './usePayers'

/** The option for the own balance. No id of a group. */
const OWN = 'own'

/** The choice of who pays by default. Nothing if there is no group to choose. */
export function PayerCard() {
  const { client } = useViewer()
  const { tokens } = useBalance()
  const { payer } = usePayer()
  const payers = usePayers(payer?.id ?? null)
  const [isBusy, setBusy] = useState(false)
  if (payers.length === 0) return null

  const choose = async (groupId: string | null) => {
    setBusy(true)
    try {
      await mutate(client, SetPayerDocument, { input: { groupId } })
      const name = payers.find(({ id }) => id === groupId)?.name ?? 'Your own balance'
      showToast({ message: `${name} pays for your messages.` })
    } catch (thrown) {
      notifyProblem(thrown)
    }
    setBusy(false)
  }

  return (
    <Section
      title="Who pays"
      description="For your messages from now on. A chat or an API key with a payer of its own keeps it."
    >
      <Select
        label="Paid by"
        description="If its balance does not cover a message, the message is refused. No other balance pays for it."
        data={[
          { value: OWN, label: `Your own balance · ${formatCount(tokens)}` },
          ...payers.map((group) => ({ value: group.id, label: payerLabel(group) })),
        ]}
        value={payer?.id ?? OWN}
        onChange={(chosen) => void choose(chosen === OWN ? null : chosen)}
        allowDeselect={false}
        disabled={isBusy}
        maw={420}
      />
      <Group gap="md" component="nav" aria-label="Your groups">
        <Text size="sm" c="dimmed">
          Your groups:
        </Text>
        {payers.map(({ id, name }) => (
          <Anchor key={id} component={Link} to={groupPath(id)} size="sm" py={12} style={{ overflowWrap: 'anywhere' }}>
            {name}
          </Anchor>
        ))}
      </Group>
    </Section>
  )
}

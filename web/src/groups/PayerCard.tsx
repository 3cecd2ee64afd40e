import { Anchor, Group, Radio, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { Link } from 'react-router'
import { formatTokens } from '../format/prices'
import { SetPayerDocument } from '../gql/groups'
import { mutate } from '../graphql/client'
import { useBalance, usePayer, useViewer } from '../session/context'
import { notifyProblem } from '../ui/confirm'
import { Section } from '../ui/Section'
import { showToast } from '../ui/toast'
import { groupPath } from './groupPath'
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
      <Radio.Group
        aria-label="Who pays"
        value={payer?.id ?? OWN}
        onChange={(chosen) => void choose(chosen === OWN ? null : chosen)}
      >
        <Stack gap="sm">
          <Radio value={OWN} label="Your own balance" description={formatTokens(tokens)} disabled={isBusy} />
          {payers.map(({ id, name, balance }) => (
            <Group key={id} gap="md" align="start" wrap="nowrap">
              <Radio
                value={id}
                label={name}
                description={formatTokens(balance?.tokens ?? 0)}
                disabled={isBusy}
                styles={{ label: { overflowWrap: 'anywhere' } }}
              />
              <Anchor component={Link} to={groupPath(id)} size="sm" aria-label={`Details of ${name}`}>
                Details
              </Anchor>
            </Group>
          ))}
        </Stack>
      </Radio.Group>
      <Text size="xs" c="dimmed">
        If the balance of the payer does not cover a message, it is refused: no other balance pays for it.
      </Text>
    </Section>
  )
}

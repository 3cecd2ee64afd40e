import { Button, Group, Select, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { useQuery } from 'urql'
import { formatDateTime } from '../../format/dates'
import { formatTokens, type Price } from '../../format/prices'
import { PricePreviewDocument, RecentChatCostsDocument } from '../../gql/admin'
import { query } from '../../graphql/client'
import { asProblem, type Problem } from '../../graphql/problem'
import { useViewer } from '../../session/context'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { previewLabel } from './price'

type Props = {
  model: string
  /** The price that is entered; null while it is not valid. */
  price: Price | null
}

/** The messages that can be chosen: the newest. */
const OFFERED = 20

/** Tells what messages of users would have cost at a price: the recent ones, or one of them. */
export function PricePreview({ model, price }: Props) {
  const { client } = useViewer()
  const [chatId, setChatId] = useState<string | null>(null)
  const [shown, setShown] = useState<{ price: string; text: string } | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isBusy, setBusy] = useState(false)
  const [recent] = useQuery({
    query: RecentChatCostsDocument,
    variables: { model, first: OFFERED },
    requestPolicy: 'network-only',
  })
  const chats = recent.data?.chats?.nodes ?? []

  const load = async (price: Price) => {
    setProblem(null)
    try {
      const input = { model, price, ...(chatId !== null && { chatId }) }
      const { server, pricePreview } = await query(client, PricePreviewDocument, { input })
      if (!pricePreview) return
      setShown({ price: JSON.stringify(price), text: previewLabel(pricePreview, server.currency, chatId !== null) })
    } catch (thrown) {
      setProblem(asProblem(thrown))
    }
  }
  const show = () => {
    if (!price) return
    setBusy(true)
    void load(price).finally(() => setBusy(false))
  }
  const choose = (id: string | null) => {
    setChatId(id)
    setShown(null)
  }
  return (
    <Stack gap="xs">
      <Group align="end" gap="xs">
        <Select
          label="Messages to compare"
          placeholder="The last 30 days"
          clearable
          clearButtonProps={{ 'aria-label': 'Compare the last 30 days' }}
          nothingFoundMessage="No messages"
          data={chats.map(({ id, createdAt, cost, user }) => ({
            value: id,
            label: `${user?.username ?? 'deleted user'}, ${formatDateTime(createdAt)}, ${formatTokens(cost)}`,
          }))}
          value={chatId}
          onChange={choose}
          flex={1}
          miw={200}
        />
        <Button variant="default" onClick={show} loading={isBusy} disabled={price === null}>
          Compare the cost
        </Button>
      </Group>
      {problem && <ProblemAlert problem={problem} />}
      <Text size="sm" role="status" aria-label="Comparison of the cost">
        {shown?.price === JSON.stringify(price) && shown.text}
      </Text>
    </Stack>
  )
}

import { Stack, Table, Text } from '@mantine/core'
import { useQuery } from 'urql'
import { formatDate } from '../format/dates'
import { formatCount, formatDecimal } from '../format/numbers'
import type { Currency } from '../format/prices'
import { formatInput, formatOutput } from '../format/usage'
import { ReceiptDocument, type ReceiptQuery } from '../gql/receipt'
import { problemOfCombinedError } from '../graphql/problem'
import { DescriptionList, type DescriptionItem } from '../ui/DescriptionList'
import { PageLoader } from '../ui/PageLoader'
import { ProblemAlert } from '../ui/ProblemAlert'
import { costRows, explainNoLines, formatLinePrice, PARTS, type ChargedChat, type Receipt } from './receipt'
import classes from './receipt.module.css'

/** How the cost of a message was calculated: its lines, and the usage. */
export default function ReceiptContent({ chatId }: { chatId: string }) {
  const [{ data, error }, load] = useQuery({
    query: ReceiptDocument,
    variables: { id: chatId },
    requestPolicy: 'network-only',
  })
  if (error) return <ProblemAlert problem={problemOfCombinedError(error)} onRetry={() => load()} />
  if (!data) return <PageLoader />
  const chat = chatOf(data)
  return chat ? (
    <Content chat={chat} currency={data.server.currency} />
  ) : (
    <Text size="sm">This message has been deleted.</Text>
  )
}

function Content({ chat, currency }: { chat: ChargedChat; currency: Currency | null }) {
  const { receipt, usage, payer } = chat
  const explanation = explainNoLines(chat)
  return (
    <Stack>
      {receipt && (
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          Price of {receipt.price.model}, version {receipt.price.version}, since {formatDate(receipt.price.since)}
        </Text>
      )}
      {receipt && receipt.lines.length > 0 && <Lines receipt={receipt} currency={currency} />}
      {explanation && <Text size="sm">{explanation}</Text>}
      {payer && (
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          Paid by {payer.name}
        </Text>
      )}
      {usage && (
        <Stack gap="xs">
          <Text component="h3" size="sm" fw={600}>
            Usage
          </Text>
          <DescriptionList
            items={[
              ['Input', formatInput(usage)],
              ['Output', formatOutput(usage)],
              ...(usage.images > 0 ? [imagesOf(usage.images)] : []),
            ]}
          />
          {usage.estimated && (
            <Text size="xs" c="dimmed">
              Estimated: the provider did not report the whole usage.
            </Text>
          )}
        </Stack>
      )}
    </Stack>
  )
}

const imagesOf = (count: number): DescriptionItem => ['Images', formatCount(count)]

/** The lines of a receipt. A table that is wider than the screen scrolls in itself. */
function Lines({ receipt, currency }: { receipt: Receipt; currency: Currency | null }) {
  return (
    <div className={classes.wide} tabIndex={0} role="region" aria-label="Charges">
      <Table className={classes.lines} verticalSpacing={6} horizontalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Charge</Table.Th>
            <Table.Th>Quantity</Table.Th>
            <Table.Th>Price</Table.Th>
            <Table.Th>Tokens</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {receipt.lines.map((line) => (
            <Table.Tr key={line.part}>
              <Table.Td>{PARTS[line.part]}</Table.Td>
              <Table.Td>{formatCount(line.quantity)}</Table.Td>
              <Table.Td>{formatLinePrice(line)}</Table.Td>
              <Table.Td>{formatDecimal(line.amount)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
        <Table.Tfoot>
          {costRows(receipt, currency).map(([term, value]) => (
            <Table.Tr key={term}>
              <Table.Th scope="row" colSpan={3}>
                {term}
              </Table.Th>
              <Table.Td>{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tfoot>
      </Table>
    </div>
  )
}

function chatOf({ node }: ReceiptQuery): ChargedChat | null {
  return node && 'receipt' in node ? node : null
}

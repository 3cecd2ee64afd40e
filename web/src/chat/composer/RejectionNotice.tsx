import { Alert, Text } from '@mantine/core'
import { IconClock, IconCoin, IconInfoCircle } from '@tabler/icons-react'
import { formatPrice, formatTokens, type Price } from '../../format/prices'
import type { Problem, Shortage } from '../../graphql/problem'
import { useBalance, usePayer } from '../../session/context'
import { describeShortage } from './estimate'

/** The reason why a message was rejected, and what to do about it. */
export function RejectionNotice({ problem, price }: { problem: Problem; price: Price | null }) {
  if (problem.code === 'INSUFFICIENT_TOKENS') return <InsufficientBalance price={price} shortage={problem.shortage} />
  const isLimit = problem.code === 'RATE_LIMITED'
  return (
    <Alert
      color={isLimit ? 'blue' : 'red'}
      variant="light"
      role="alert"
      mt="xs"
      icon={isLimit ? <IconClock /> : <IconInfoCircle />}
    >
      <Text size="sm">
        {problem.message}
        {problem.retryAfter !== null && ` You can try again in ${Math.ceil(problem.retryAfter)} s.`}
      </Text>
    </Alert>
  )
}

/** The notice that the balance does not cover a message. */
export function InsufficientBalance({ price, shortage = null }: { price: Price | null; shortage?: Shortage | null }) {
  const balance = useBalance()
  const { payer } = usePayer()
  const missing = shortage
    ? describeShortage(shortage, payer?.name)
    : `You have ${formatTokens(balance.tokens)}${price ? `, and this model costs ${formatPrice(price)}` : ''}.`
  return (
    <Alert
      color="yellow"
      variant="light"
      role="alert"
      mt="xs"
      icon={<IconCoin />}
      title="Not enough tokens for this message"
      styles={{ title: { color: 'inherit' } }}
    >
      <Text size="sm">
        {missing}
        {!payer && balance.held > 0 && ` ${formatTokens(balance.held)} more are reserved for answers in progress.`} Ask
        an operator to top up {payer ? 'the balance of the group' : 'your balance'}, or choose a cheaper model
        {payer && ' or another payer'}. What you wrote stays here.
      </Text>
    </Alert>
  )
}

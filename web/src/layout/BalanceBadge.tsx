import { Badge, Text, Tooltip } from '@mantine/core'
import { IconCoin } from '@tabler/icons-react'
import { Link } from 'react-router'
import { formatCount } from '../format/numbers'
import { formatTokens } from '../format/prices'
import { useBalance } from '../session/context'

/** The spendable balance, and the holds of open chats. */
export function BalanceBadge() {
  const balance = useBalance()
  const spendable = `You can spend ${formatTokens(balance.tokens)}.`
  const held = balance.held > 0 ? ` ${formatTokens(balance.held)} set aside for answers on their way.` : ''
  return (
    <Tooltip label={spendable + held} multiline maw={260}>
      <Badge
        component={Link}
        to="/account"
        variant="light"
        size="lg"
        tt="none"
        leftSection={<IconCoin size={16} style={{ display: 'block' }} aria-hidden />}
        aria-label={`Balance. ${spendable}${held}`}
        style={{ cursor: 'pointer', flexShrink: 0 }}
      >
        {formatCount(balance.tokens)}
        {balance.held > 0 && (
          <>
            {` (+${formatCount(balance.held)}`}
            <Text span inherit visibleFrom="xs">
              {' held'}
            </Text>
            )
          </>
        )}
      </Badge>
    </Tooltip>
  )
}

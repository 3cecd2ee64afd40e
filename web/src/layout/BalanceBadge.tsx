import { Badge, Tooltip } from '@mantine/core'
import { IconCoins } from '@tabler/icons-react'
import { Link } from 'react-router'
import { accountPath } from '../account/tabs'
import { formatCount } from '../format/numbers'
import { formatTokens } from '../format/prices'
import { useBalance } from '../session/context'

/** The spendable balance, and what is reserved for open chats. */
export function BalanceBadge() {
  const balance = useBalance()
  const spendable = `You can spend ${formatTokens(balance.tokens)}.`
  const held = balance.held > 0 ? ` ${formatTokens(balance.held)} reserved for answers in progress.` : ''
  return (
    <Tooltip label={spendable + held} multiline maw={260}>
      <Badge
        component={Link}
        to={accountPath('usage')}
        variant="light"
        size="lg"
        tt="none"
        leftSection={<IconCoins size={16} style={{ display: 'block' }} aria-hidden />}
        aria-label={`Balance. ${spendable}${held}`}
        style={{ cursor: 'pointer', minWidth: '3rem' }}
      >
        {formatCount(balance.tokens)}
        {balance.held > 0 && ` · ${formatCount(balance.held)} reserved`}
      </Badge>
    </Tooltip>
  )
}

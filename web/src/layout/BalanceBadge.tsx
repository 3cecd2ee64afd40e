import { Badge, Text, Tooltip } from '@mantine/core'
import { IconCoins } from '@tabler/icons-react'
import { Link } from 'react-router'
import { accountPath } from '../account/tabs'
import { formatCount } from '../format/numbers'
import { formatTokens } from '../format/prices'
import { groupPath } from '../groups/groupPath'
import { useBalance, usePayer } from '../session/context'

/** The spendable balance, and what is reserved for open chats: of the group that pays by default, else the own one. */
export function BalanceBadge() {
  const own = useBalance()
  const { payer } = usePayer()
  const { tokens, held } = payer?.balance ?? (payer ? { tokens: 0, held: 0 } : own)
  const spendable = payer
    ? `${payer.name} pays, and has ${formatTokens(tokens)}. Your own balance has ${formatTokens(own.tokens)}.`
    : `You can spend ${formatTokens(tokens)}.`
  const reserved = held > 0 ? ` ${formatTokens(held)} reserved for answers in progress.` : ''
  return (
    <Tooltip label={spendable + reserved} multiline maw={260}>
      <Badge
        component={Link}
        to={payer ? groupPath(payer.id) : accountPath('usage')}
        variant="light"
        size="lg"
        tt="none"
        leftSection={<IconCoins size={16} style={{ display: 'block' }} aria-hidden />}
        aria-label={`Balance. ${spendable}${reserved}`}
        style={{ cursor: 'pointer', minWidth: '3rem' }}
      >
        {payer && (
          <Text
            span
            inherit
            truncate
            maw={{ base: 70, sm: 160 }}
            style={{ display: 'inline-block', verticalAlign: 'bottom' }}
          >
            {payer.name}
          </Text>
        )}
        {payer && ' · '}
        {formatCount(tokens)}
        {held > 0 && ` · ${formatCount(held)} reserved`}
      </Badge>
    </Tooltip>
  )
}

import { useQuery } from 'urql'
import { formatDateTime } from '../format/dates'
import { formatAmount, formatTokens } from '../format/prices'
import { roleLabel } from '../format/roles'
import { AccountDocument } from '../gql/account'
import { useBalance, useViewer } from '../session/context'
import { DescriptionList } from '../ui/DescriptionList'
import { Section } from '../ui/Section'

export function ProfileCard() {
  const { user } = useViewer()
  const balance = useBalance()
  const [{ data }] = useQuery({ query: AccountDocument })
  const me = data?.me ?? user
  return (
    <Section title="Profile">
      <DescriptionList
        items={[
          ['Username', me.username],
          ['Role', roleLabel(me)],
          ['Balance', <strong key="balance">{formatAmount(balance.tokens, data?.server.currency)}</strong>],
          ['Reserved', balance.held > 0 ? `${formatTokens(balance.held)} for answers in progress` : 'none'],
          ['Member since', formatDateTime(me.createdAt)],
          ['Last login', me.lastLoginAt ? formatDateTime(me.lastLoginAt) : 'never'],
        ]}
      />
    </Section>
  )
}

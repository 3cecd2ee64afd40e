import { useQuery } from 'urql'
import { formatDateTime } from '../format/dates'
import { formatTokens } from '../format/prices'
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
    <Section title="You">
      <DescriptionList
        items={[
          ['Name', me.username],
          ['Role', roleLabel(me)],
          ['Balance', <strong key="balance">{formatTokens(balance.tokens)}</strong>],
          ['Set aside', balance.held > 0 ? `${formatTokens(balance.held)} for answers on their way` : 'nothing'],
          ['Member since', formatDateTime(me.createdAt)],
          ['Last log-in', me.lastLoginAt ? formatDateTime(me.lastLoginAt) : 'never'],
        ]}
      />
    </Section>
  )
}

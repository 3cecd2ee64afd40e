import { useQuery } from 'urql'
import { moment } from '../format/dates'
import { tokens } from '../format/prices'
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
          ['Balance', <strong key="balance">{tokens(balance.tokens)}</strong>],
          ['Set aside', balance.held > 0 ? `${tokens(balance.held)} for answers on their way` : 'nothing'],
          ['Member since', moment(me.createdAt)],
          ['Last log-in', me.lastLoginAt ? moment(me.lastLoginAt) : 'never'],
        ]}
      />
    </Section>
  )
}

import { useQuery } from 'urql'
import { formatAmount } from '../format/prices'
import { SpendingDocument } from '../gql/account'
import { problemOfCombinedError } from '../graphql/problem'
import { DescriptionList } from '../ui/DescriptionList'
import { ProblemAlert } from '../ui/ProblemAlert'
import { Section } from '../ui/Section'

/** What the viewer has spent today and this month. */
export function SpendingCard() {
  const [{ data, error }, reload] = useQuery({ query: SpendingDocument, requestPolicy: 'cache-and-network' })
  const spending = data?.spending
  return (
    <Section title="Spending" description="Days and months are in UTC.">
      {error && <ProblemAlert problem={problemOfCombinedError(error)} onRetry={() => reload()} />}
      {spending && (
        <DescriptionList
          items={[
            ['Today', formatAmount(spending.today, data.server.currency)],
            ['This month', formatAmount(spending.thisMonth, data.server.currency)],
          ]}
        />
      )}
    </Section>
  )
}

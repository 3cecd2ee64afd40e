import { useQuery } from 'urql'
import { formatPrice } from '../format/prices'
import { ModelPricesDocument } from '../gql/account'
import { problemOfCombinedError } from '../graphql/problem'
import { DescriptionList } from '../ui/DescriptionList'
import { ProblemAlert } from '../ui/ProblemAlert'
import { Section } from '../ui/Section'

/** The prices of the models. */
export function PricesCard() {
  const [{ data, error }, reload] = useQuery({ query: ModelPricesDocument })
  return (
    <Section title="Prices" description="In tokens of your balance; in and out are model tokens.">
      {error && <ProblemAlert problem={problemOfCombinedError(error)} onRetry={() => reload()} />}
      {data && <DescriptionList items={data.models.map(({ name, price }) => [name, formatPrice(price)])} />}
    </Section>
  )
}

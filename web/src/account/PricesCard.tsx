import { Text } from '@mantine/core'
import { useQuery } from 'urql'
import { formatPrice } from '../format/prices'
import { ModelPricesDocument, type ModelPricesQuery } from '../gql/account'
import { problemOfCombinedError } from '../graphql/problem'
import { DescriptionList } from '../ui/DescriptionList'
import { ProblemAlert } from '../ui/ProblemAlert'
import { Section } from '../ui/Section'

type Model = ModelPricesQuery['models'][number]

/** The prices of the models. */
export function PricesCard() {
  const [{ data, error }, reload] = useQuery({ query: ModelPricesDocument })
  return (
    <Section
      title="Prices"
      description="In tokens of your balance: per message, or per 1M model tokens read (in) and written (out)."
    >
      {error && <ProblemAlert problem={problemOfCombinedError(error)} onRetry={() => reload()} />}
      {data && <DescriptionList items={data.models.map((model) => [model.title, <Price key="price" {...model} />])} />}
    </Section>
  )
}

function Price({ name, title, description, price }: Model) {
  const details = [description, name !== title && `Name for programs: ${name}`].filter(Boolean)
  return (
    <>
      {formatPrice(price)}
      {details.length > 0 && (
        <Text size="xs" c="dimmed" component="span" display="block">
          {details.join(' ')}
        </Text>
      )}
    </>
  )
}

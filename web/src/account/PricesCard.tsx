import { Text } from '@mantine/core'
import { useCallback } from 'react'
import { formatPrice } from '../format/prices'
import { ModelPricesDocument, type ModelPricesQuery } from '../gql/account'
import { query } from '../graphql/client'
import { EMPTY_PAGE } from '../graphql/pagedList'
import { usePages } from '../graphql/usePages'
import { useViewer } from '../session/context'
import { DescriptionList } from '../ui/DescriptionList'
import { LoadMore } from '../ui/LoadMore'
import { ProblemAlert } from '../ui/ProblemAlert'
import { Section } from '../ui/Section'

type Model = NonNullable<ModelPricesQuery['modelsConnection']>['nodes'][number]

const PAGE = 50

/** The prices of the models. */
export function PricesCard() {
  const { client } = useViewer()
  const load = useCallback(
    async (after: string | null) => {
      const page = (await query(client, ModelPricesDocument, { first: PAGE, after })).modelsConnection
      return page ? { ...page, nodes: page.nodes.map((model) => ({ ...model, id: model.name })) } : EMPTY_PAGE
    },
    [client],
  )
  const pages = usePages(load)
  const { rows, problem, reload, hasMore } = pages
  return (
    <Section
      title="Prices"
      description="In tokens of your balance: per message, or per 1M model tokens read (in) and written (out)."
    >
      {problem && <ProblemAlert problem={problem} onRetry={reload} />}
      {rows.length > 0 && (
        <DescriptionList items={rows.map((model) => [model.title, <Price key="price" {...model} />])} />
      )}
      {(hasMore || rows.length > PAGE) && <LoadMore pages={pages} noun="model" />}
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

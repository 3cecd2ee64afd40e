import { Text } from '@mantine/core'
import { useQuery } from 'urql'
import { ProviderModelsDocument } from '../../gql/admin'
import { problemOfCombinedError } from '../../graphql/problem'
import { PageLoader } from '../../ui/PageLoader'
import { ProblemAlert } from '../../ui/ProblemAlert'
import type { Provider } from './lists'
import { TakeOverForm } from './TakeOverForm'

type Props = { provider: Provider; onDone: () => void }

/** The models that a provider lists, to be taken over to the catalog. */
export function TakeOver({ provider, onDone }: Props) {
  const [listed, list] = useQuery({
    query: ProviderModelsDocument,
    variables: { id: provider.id },
    requestPolicy: 'network-only',
  })
  if (listed.fetching) return <PageLoader height="12rem" />
  if (listed.error) {
    const retry = () => list({ requestPolicy: 'network-only' })
    return <ProblemAlert problem={problemOfCombinedError(listed.error)} onRetry={retry} />
  }
  const models = listed.data?.providerModels ?? []
  if (models.length === 0) return <Text c="dimmed">The provider lists no models.</Text>
  return <TakeOverForm provider={provider} models={models} onDone={onDone} />
}

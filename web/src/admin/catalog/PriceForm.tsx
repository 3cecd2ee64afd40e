import { Button, Group, Stack, Text } from '@mantine/core'
import { pluralize } from '../../format/numbers'
import { formatTokens } from '../../format/prices'
import { SetModelPriceDocument } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { useViewer } from '../../session/context'
import { ProblemAlert } from '../../ui/ProblemAlert'
import { showToast } from '../../ui/toast'
import { useMutationForm } from '../../ui/useMutationForm'
import type { Model } from './lists'
import { costOf, EXAMPLE, priceError, priceInput, priceOf, priceValues, type PriceValues } from './price'
import { PriceFields } from './PriceFields'
import { PricePreview } from './PricePreview'

type Props = { model: Model; onSet: () => void }

/** Sets the price of a model, and tells what a message costs before and after. */
export function PriceForm({ model, onSet }: Props) {
  const { client } = useViewer()
  const { form, submit, problem, isBusy } = useMutationForm<{ price: PriceValues }>(
    { initialValues: { price: priceValues(model.price) }, validate: { price: priceError } },
    async ({ price }) => {
      await mutate(client, SetModelPriceDocument, { input: { name: model.name, price: priceInput(price) } })
      showToast({ message: `Price of ${model.title} set.` })
      onSet()
    },
  )
  const { price } = form.values
  const example = `A message of ${pluralize(EXAMPLE.input, 'model token')} with a reply of ${EXAMPLE.output}`
  const before = formatTokens(costOf(model.price, EXAMPLE))
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        {problem && <ProblemAlert problem={problem} />}
        <Text size="sm">
          In tokens of a balance: per message, and per million model tokens. It applies from the next message on.
        </Text>
        <PriceFields values={price} onChange={(changed) => form.setFieldValue('price', changed)} />
        {form.errors.price && (
          <Text size="sm" c="var(--mantine-color-error)" role="alert">
            {form.errors.price}
          </Text>
        )}
        <Text size="sm" role="status">
          {priceError(price) === null
            ? `${example} costs ${before} now, and ${formatTokens(costOf(priceOf(price), EXAMPLE))} then.`
            : `${example} costs ${before} now.`}
        </Text>
        <PricePreview model={model.name} price={priceError(price) === null ? priceOf(price) : null} />
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            Set price
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

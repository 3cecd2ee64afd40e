import { Button, Card, Checkbox, Group, ScrollArea, Stack, Text, TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { useState, type SubmitEvent } from 'react'
import { pluralize } from '../../format/numbers'
import { CreateModelDocument } from '../../gql/admin'
import { mutate } from '../../graphql/client'
import { asProblem, problemText } from '../../graphql/problem'
import { useViewer } from '../../session/context'
import { showToast } from '../../ui/toast'
import { windowLabel } from './labels'
import { useRefreshModels, type Provider } from './lists'
import { NO_PRICE, type PriceValues } from './price'
import { PriceFields } from './PriceFields'
import {
  addedNames,
  priceErrors,
  searchListed,
  SHOWN,
  takeOverInput,
  type Abilities,
  type ListedModel,
} from './takeOver'

type Props = {
  provider: Provider
  models: readonly ListedModel[]
  onDone: () => void
}

/** Ticks models, sets their prices, and adds them. Those that could not be added stay ticked, with the reason. */
export function TakeOverForm({ provider, models, onDone }: Props) {
  const { client } = useViewer()
  const refreshModels = useRefreshModels()
  const [search, setSearch] = useState('')
  const [prices, setPrices] = useState<ReadonlyMap<string, PriceValues>>(new Map())
  const [added, setAdded] = useState<ReadonlySet<string>>(() => addedNames(models))
  const [errors, setErrors] = useState<ReadonlyMap<string, string>>(new Map())
  const [abilities, setAbilities] = useState<Abilities>({ images: false, tools: false })
  const [isBusy, setBusy] = useState(false)
  const found = searchListed(models, search)

  const setPrice = (name: string, price: PriceValues) => {
    setPrices(new Map(prices).set(name, price))
    setErrors(new Map([...errors].filter(([other]) => other !== name)))
  }
  const tick = (name: string, isTicked: boolean) => {
    if (isTicked) setPrice(name, NO_PRICE)
    else setPrices(new Map([...prices].filter(([other]) => other !== name)))
  }

  const takeOver = async () => {
    const failed = new Map<string, string>()
    const done = new Set<string>()
    for (const model of models) {
      const price = prices.get(model.name)
      if (!price) continue
      try {
        await mutate(client, CreateModelDocument, { input: takeOverInput(model, provider.id, price, abilities) })
        done.add(model.name)
      } catch (thrown) {
        failed.set(model.name, problemText(asProblem(thrown)))
      }
    }
    setErrors(failed)
    setPrices(new Map([...prices].filter(([name]) => failed.has(name))))
    setAdded(new Set([...added, ...done]))
    if (done.size > 0) {
      showToast({ message: `${pluralize(done.size, 'model')} added.`, isPartial: failed.size > 0 })
      refreshModels()
    }
    if (failed.size === 0) onDone()
  }
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const wrong = priceErrors(prices)
    setErrors(wrong)
    if (wrong.size > 0 || prices.size === 0) return
    setBusy(true)
    void takeOver().finally(() => setBusy(false))
  }

  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        <TextInput
          label="Search"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
          data-autofocus
        />
        <ScrollArea.Autosize mah={260} type="auto" offsetScrollbars>
          <Stack gap={6} role="group" aria-label="Models of the provider">
            {found.slice(0, SHOWN).map((model) => (
              <Checkbox
                key={model.name}
                label={model.name}
                description={describe(model, added.has(model.name))}
                disabled={added.has(model.name) || isBusy}
                checked={prices.has(model.name) || added.has(model.name)}
                onChange={(event) => tick(model.name, event.currentTarget.checked)}
                styles={{ label: { overflowWrap: 'anywhere' } }}
              />
            ))}
          </Stack>
        </ScrollArea.Autosize>
        <Text size="sm" c="dimmed" role="status">
          {found.length > SHOWN
            ? `${SHOWN} of ${pluralize(found.length, 'model')}. Search to see others.`
            : pluralize(found.length, 'model')}
        </Text>
        {prices.size > 0 && (
          <Group>
            <Checkbox
              label="They read images"
              checked={abilities.images}
              onChange={(event) => setAbilities({ ...abilities, images: event.currentTarget.checked })}
            />
            <Checkbox
              label="They call tools"
              checked={abilities.tools}
              onChange={(event) => setAbilities({ ...abilities, tools: event.currentTarget.checked })}
            />
          </Group>
        )}
        {prices.size > 0 && (
          <Text size="sm">
            Prices, in tokens of a balance. Those of caches and of reasoning follow; they can be set later.
          </Text>
        )}
        {[...prices].map(([name, price]) => (
          <Card key={name} withBorder padding="sm" role="group" aria-label={`Price of ${name}`}>
            <Text size="sm" fw={600} mb={4} style={{ overflowWrap: 'anywhere' }}>
              {name}
            </Text>
            <PriceFields values={price} onChange={(values) => setPrice(name, values)} of={name} />
            {errors.has(name) && (
              <Text size="sm" c="var(--mantine-color-error)" role="alert" mt={4}>
                {errors.get(name)}
              </Text>
            )}
          </Card>
        ))}
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy} disabled={prices.size === 0}>
            {prices.size === 0 ? 'Add models' : `Add ${pluralize(prices.size, 'model')}`}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function describe({ title, contextWindow }: ListedModel, isAdded: boolean): string {
  const parts = [
    title,
    contextWindow !== null && `context window ${windowLabel(contextWindow)}`,
    isAdded && 'already added',
  ]
  return parts.filter(Boolean).join(' · ')
}

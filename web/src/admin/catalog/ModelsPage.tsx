import { Button, Group, Modal, Select, SimpleGrid, Stack, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconFileText, IconPlus, IconSearch } from '@tabler/icons-react'
import { useState } from 'react'
import type { ModelSource } from '../../gql/admin'
import { useViewer } from '../../session/context'
import { RowsTable } from '../../ui/RowsTable'
import { useLast } from '../../ui/useLast'
import { useSearchParam } from '../../ui/useSearchParam'
import { AdminTitle } from '../AdminTitle'
import { parseChoice, parseYesNo } from '../filters'
import { SOURCE_LABELS } from './labels'
import { useCatalogModels, useRefreshModels, type Model } from './lists'
import { modelColumns, type ModelAction } from './modelColumns'
import { ModelForm } from './ModelForm'
import { PriceForm } from './PriceForm'
import { PriceHistory } from './PriceHistory'
import { ProposePrices } from './ProposePrices'
import { ProviderPicker } from './ProviderPicker'
import { useModelChanges } from './useModelChanges'

const SOURCES = Object.keys(SOURCE_LABELS) as ModelSource[]

type Task = { action: 'add' } | { action: 'propose' } | { action: 'edit' | 'price'; model: Model }

export default function ModelsPage() {
  const { user } = useViewer()
  const [search, setSearch] = useSearchParam('search')
  const [debouncedSearch] = useDebouncedValue(search ?? '', 250)
  const [source, setSource] = useSearchParam('source')
  const [enabled, setEnabled] = useSearchParam('enabled')
  const [providerId, setProviderId] = useSearchParam('provider')
  const pages = useCatalogModels({
    search: debouncedSearch.trim(),
    source: parseChoice(SOURCES, source),
    enabled: parseYesNo(enabled),
    providerId,
  })
  const [task, setTask] = useState<Task | null>(null)
  const shown = useLast(task)
  const refreshModels = useRefreshModels()
  const changed = () => {
    pages.reload()
    refreshModels()
  }
  const { setEnabled: enable, setDefault, remove } = useModelChanges(pages, refreshModels)

  const run = (action: ModelAction, model: Model) => {
    if (action === 'delete') remove(model)
    else if (action === 'default') setDefault(model)
    else if (action === 'enable' || action === 'disable') enable(model, action === 'enable')
    else setTask({ action, model })
  }
  const saved = () => {
    setTask(null)
    changed()
  }
  return (
    <>
      <AdminTitle title="Models">
        {user.isSuperuser && (
          <Group gap="xs">
            <Button
              variant="default"
              leftSection={<IconFileText size={16} />}
              onClick={() => setTask({ action: 'propose' })}
            >
              Propose prices
            </Button>
            <Button leftSection={<IconPlus size={16} />} onClick={() => setTask({ action: 'add' })}>
              Add model
            </Button>
          </Group>
        )}
      </AdminTitle>
      <SimpleGrid cols={{ base: 2, lg: 4 }} spacing="sm" mb="md">
        <TextInput
          label="Model"
          placeholder="Name or title"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search ?? ''}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        <Select
          label="Source"
          placeholder="All"
          clearable
          clearButtonProps={{ 'aria-label': 'Clear source' }}
          data={SOURCES.map((value) => ({ value, label: SOURCE_LABELS[value] }))}
          value={parseChoice(SOURCES, source)}
          onChange={setSource}
        />
        <Select
          label="Status"
          placeholder="All"
          clearable
          clearButtonProps={{ 'aria-label': 'Clear status' }}
          data={[
            { value: 'yes', label: 'enabled' },
            { value: 'no', label: 'disabled' },
          ]}
          value={parseYesNo(enabled) === null ? null : enabled}
          onChange={setEnabled}
        />
        <ProviderPicker
          label="Provider"
          placeholder="All"
          clearable
          clearButtonProps={{ 'aria-label': 'Clear provider' }}
          value={providerId}
          onChange={setProviderId}
        />
      </SimpleGrid>
      {!user.isSuperuser && (
        <Text size="sm" c="dimmed" mb="sm">
          Only superusers can change models and prices.
        </Text>
      )}
      <RowsTable
        pages={pages}
        columns={modelColumns(run, user.isSuperuser)}
        noun="model"
        empty="No models"
        minWidth={920}
        isDimmed={(model) => !model.enabled}
      />
      <Modal
        opened={task !== null}
        onClose={() => setTask(null)}
        title={shown && titleOf(shown)}
        size="xl"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {task?.action === 'add' && <ModelForm model={null} onSaved={saved} />}
        {task?.action === 'propose' && <ProposePrices onApplied={saved} />}
        {task?.action === 'edit' && <ModelForm model={task.model} onSaved={saved} />}
        {task?.action === 'price' && (
          <Stack>
            {user.isSuperuser && task.model.source === 'DATABASE' && <PriceForm model={task.model} onSet={saved} />}
            <PriceHistory model={task.model.name} />
          </Stack>
        )}
      </Modal>
    </>
  )
}

function titleOf(task: Task): string {
  if (task.action === 'add') return 'Add a model'
  if (task.action === 'propose') return 'Propose prices from a list'
  return task.action === 'edit' ? `Edit ${task.model.title}` : `Price of ${task.model.title}`
}

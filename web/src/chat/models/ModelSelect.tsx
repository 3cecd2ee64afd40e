import { Group, Select, Text, type SelectProps } from '@mantine/core'
import { formatPrice, formatShortPrice } from '../../format/prices'
import { useState } from 'react'
import { matchesModel } from './matchesModel'
import classes from './models.module.css'
import { useKeepModel, useSearchedModels, type Model } from './useModels'

/** The number of models that are seen at a glance. A field to search in would open the keyboard of a phone. */
const MAX_UNSEARCHED = 6

type Props = Omit<SelectProps, 'data' | 'value' | 'onChange' | 'onSelect' | 'allowDeselect'> & {
  models: readonly Model[]
  selected: string | null
  onSelect: (name: string) => void
}

/** The field for a model: a list with titles, descriptions and prices, which can be searched. */
export function ModelSelect({ models: known, selected, onSelect, ...field }: Props) {
  const [search, setSearch] = useState('')
  const models = useSearchedModels(known, search)
  const keep = useKeepModel()
  const find = (name: string) => models.find((model) => model.name === name)
  const data = models.map(({ name, title, price }) => ({ value: name, label: `${title} · ${formatShortPrice(price)}` }))
  return (
    <Select
      {...field}
      data={data}
      value={selected}
      allowDeselect={false}
      searchable={models.length > MAX_UNSEARCHED}
      selectFirstOptionOnChange
      nothingFoundMessage="No such model"
      filter={({ options, search }) =>
        options.filter((option) => {
          // The label of the selection is no search.
          if (!('value' in option) || data.some(({ label }) => label === search)) return true
          const model = find(option.value)
          return model !== undefined && matchesModel(model, search)
        })
      }
      renderOption={({ option }) => {
        const model = find(option.value)
        return model && <ModelOption model={model} />
      }}
      // What is typed next replaces the label, also if the field has the focus already.
      onFocus={(event) => event.currentTarget.select()}
      onClick={(event) => event.currentTarget.select()}
      onSearchChange={setSearch}
      onChange={(name) => {
        if (name === null) return
        keep(find(name))
        onSelect(name)
      }}
    />
  )
}

/** A model with its description, and the price at the right. */
export function ModelOption({ model: { title, description, price } }: { model: Model }) {
  return (
    <Group gap="md" justify="space-between" wrap="nowrap" w="100%" align="baseline">
      <div>
        <Text size="sm" component="span" display="block">
          {title}
        </Text>
        {description && <span className={classes.secondary}>{description}</span>}
      </div>
      <Text component="span" className={classes.secondary} ta="end" flex="none" maw="50%">
        {formatPrice(price)}
      </Text>
    </Group>
  )
}

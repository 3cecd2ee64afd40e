import { Select, type SelectProps } from '@mantine/core'
import { formatPrice } from '../../format/prices'
import type { Model } from './useModels'

type Props = Omit<SelectProps, 'data' | 'value' | 'onChange' | 'onSelect' | 'allowDeselect'> & {
  models: readonly Model[]
  selected: string | null
  onSelect: (name: string) => void
}

/** The field for a model, with the prices. */
export function ModelSelect({ models, selected, onSelect, ...field }: Props) {
  return (
    <Select
      {...field}
      data={models.map(({ name, price }) => ({ value: name, label: `${name} · ${formatPrice(price)}` }))}
      value={selected}
      allowDeselect={false}
      onChange={(name) => name && onSelect(name)}
    />
  )
}

import { NumberInput, SimpleGrid } from '@mantine/core'
import type { Price } from '../../format/prices'
import type { Amount, PriceValues } from './price'

/** The props of a field for an amount of tokens. */
export const AMOUNT = { allowDecimal: false, allowNegative: false, thousandSeparator: ',', hideControls: true }

const FIELDS: [part: keyof Price, label: string, placeholder: string][] = [
  ['perMessage', 'Per message', '0'],
  ['perMillionInput', 'Input, per million', '0'],
  ['perMillionOutput', 'Output, per million', '0'],
  ['perMillionCacheRead', 'Cached input, per million', 'As input'],
  ['perMillionCacheWrite', 'Cache write, per million', 'As input'],
  ['perMillionReasoning', 'Reasoning, per million', 'As output'],
  ['perImage', 'Image in the input', '0'],
]

type Props = {
  values: PriceValues
  onChange: (values: PriceValues) => void
  /** The name of the model, where several have such fields; only the main parts are shown then. */
  of?: string
}

/** The fields of a price, in tokens of a balance. */
export function PriceFields({ values, onChange, of }: Props) {
  const shown = of === undefined ? FIELDS : FIELDS.slice(0, 3)
  return (
    <SimpleGrid cols={of === undefined ? { base: 1, xs: 2, sm: 3 } : { base: 1, xs: 3 }} spacing="xs">
      {shown.map(([part, label, placeholder]) => (
        <NumberInput
          key={part}
          label={label}
          {...(of !== undefined && { size: 'xs', 'aria-label': `${label}, ${of}` })}
          placeholder={placeholder}
          {...AMOUNT}
          value={values[part]}
          onChange={(amount: Amount) => onChange({ ...values, [part]: amount })}
        />
      ))}
    </SimpleGrid>
  )
}

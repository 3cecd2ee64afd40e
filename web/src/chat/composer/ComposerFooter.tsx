import { Group, Text } from '@mantine/core'
import { isMetered } from '../../format/prices'
import { ModelSelect } from '../models/ModelSelect'
import { priceOf, type Model } from '../models/useModels'
import classes from './composer.module.css'
import { describeEstimate, type Estimate } from './estimate'

/** The id of the text that says what the message would cost. */
export const ESTIMATE_ID = 'message-estimate'

type Props = {
  models: readonly Model[]
  selected: string | null
  onSelect: (name: string) => void
  /** Null while it is unknown. */
  estimate: Estimate | null
  status: string | null
  isRejected: boolean
}

/** The line under the field: the model with its price, what the message would cost, and why it cannot be sent. */
export function ComposerFooter({ models, selected, onSelect, estimate, status, isRejected }: Props) {
  return (
    <Group justify="space-between" mt={6} gap="xs">
      <ModelSelect
        models={models}
        selected={selected}
        onSelect={onSelect}
        size="xs"
        className={classes.model}
        aria-label="Model"
        variant="unstyled"
        comboboxProps={{ position: 'top-start', width: 320 }}
      />
      <Group gap="xs" justify="flex-end">
        {/* Not announced at each change, but with the field that it describes. */}
        {estimate && (
          <Text id={ESTIMATE_ID} size="xs" c={estimate.affordable ? 'dimmed' : 'red'}>
            {describeEstimate(estimate, isMetered(priceOf(models, selected)))}
          </Text>
        )}
        <Text size="xs" c={isRejected ? 'red' : 'dimmed'} role="status">
          {status}
        </Text>
      </Group>
    </Group>
  )
}

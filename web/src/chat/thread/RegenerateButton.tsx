import { ActionIcon, Group, Menu, Tooltip } from '@mantine/core'
import { IconChevronDown, IconRefresh } from '@tabler/icons-react'
import { formatPrice } from '../../format/prices'
import { ModelOption } from '../models/ModelSelect'
import { priceOf, titleOf, type Model } from '../models/useModels'
import classes from './thread.module.css'

type Props = {
  models: readonly Model[]
  /** The model of the button itself. */
  model: string
  isBusy: boolean
  onRegenerate: (model: string) => void
}

/** A button that regenerates the answer, and a menu to do so by another model. Both show the price. */
export function RegenerateButton({ models, model, isBusy, onRegenerate }: Props) {
  const price = priceOf(models, model)
  return (
    <Group gap={0} wrap="nowrap">
      <Tooltip label={price ? `Regenerate by ${titleOf(models, model)} · ${formatPrice(price)}` : 'Regenerate'}>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          loading={isBusy}
          aria-label="Regenerate the answer"
          onClick={() => onRegenerate(model)}
        >
          <IconRefresh size={15} />
        </ActionIcon>
      </Tooltip>
      {models.length > 1 && (
        <Menu position="top-start" withinPortal width={320}>
          <Menu.Target>
            <Tooltip label="Regenerate by another model">
              <ActionIcon variant="subtle" color="gray" size="sm" aria-label="Regenerate by another model">
                <IconChevronDown size={13} />
              </ActionIcon>
            </Tooltip>
          </Menu.Target>
          <Menu.Dropdown className={classes.models}>
            <Menu.Label>Regenerate by</Menu.Label>
            {models.map((one) => (
              <Menu.Item key={one.name} onClick={() => onRegenerate(one.name)}>
                <ModelOption model={one} />
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      )}
    </Group>
  )
}

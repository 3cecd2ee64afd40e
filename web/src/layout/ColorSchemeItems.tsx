import { Menu, useMantineColorScheme, type MantineColorScheme } from '@mantine/core'
import { COLOR_SCHEMES } from '../ui/colorSchemes'

/** The colour schemes as items of a menu, which stays open so that they can be compared. */
export function ColorSchemeItems() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  return (
    <div role="group" aria-label="Theme">
      <Menu.Label aria-hidden>Theme</Menu.Label>
      <Menu.RadioGroup value={colorScheme} onChange={(value) => setColorScheme(value as MantineColorScheme)}>
        {COLOR_SCHEMES.map(({ value, name, Icon }) => (
          <Menu.RadioItem
            key={value}
            value={value}
            closeMenuOnClick={false}
            rightSection={<Icon size={16} aria-hidden />}
          >
            {name}
          </Menu.RadioItem>
        ))}
      </Menu.RadioGroup>
    </div>
  )
}

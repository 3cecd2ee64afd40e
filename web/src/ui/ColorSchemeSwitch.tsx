import { SegmentedControl, useMantineColorScheme, VisuallyHidden, type MantineColorScheme } from '@mantine/core'
import { IconBrightnessAuto, IconMoon, IconSun } from '@tabler/icons-react'

const SCHEMES: { value: MantineColorScheme; name: string; Icon: typeof IconSun }[] = [
  { value: 'light', name: 'Light', Icon: IconSun },
  { value: 'auto', name: 'System', Icon: IconBrightnessAuto },
  { value: 'dark', name: 'Dark', Icon: IconMoon },
]

export function ColorSchemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  return (
    <SegmentedControl<MantineColorScheme>
      aria-label="Theme"
      size="xs"
      value={colorScheme}
      onChange={setColorScheme}
      data={SCHEMES.map(({ value, name, Icon }) => ({
        value,
        label: (
          <>
            <Icon size={16} style={{ display: 'block' }} aria-hidden />
            <VisuallyHidden>{name}</VisuallyHidden>
          </>
        ),
      }))}
    />
  )
}

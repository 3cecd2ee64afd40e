import type { MantineColorScheme } from '@mantine/core'
import { IconBrightnessAuto, IconMoon, IconSun } from '@tabler/icons-react'

/** The colour schemes, in the order in which they are offered. */
export const COLOR_SCHEMES: readonly { value: MantineColorScheme; name: string; Icon: typeof IconSun }[] = [
  { value: 'light', name: 'Light', Icon: IconSun },
  { value: 'auto', name: 'System', Icon: IconBrightnessAuto },
  { value: 'dark', name: 'Dark', Icon: IconMoon },
]

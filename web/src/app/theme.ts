import { createTheme, type CSSVariablesResolver } from '@mantine/core'

const SYSTEM_FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif'

/** The list itself scrolls, which its field moves through, instead of an area around it that the keyboard cannot reach. */
const SCROLLING_OPTIONS = {
  withScrollArea: false,
  styles: { options: { maxHeight: 'min(20rem, 50dvh)', overflowY: 'auto' } },
} as const

export const theme = createTheme({
  primaryColor: 'teal',
  primaryShade: 9,
  autoContrast: true,
  fontFamily: SYSTEM_FONTS,
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontFamily: SYSTEM_FONTS, fontWeight: '650' },
  defaultRadius: 'md',
  respectReducedMotion: true,
  cursorType: 'pointer',
  components: {
    // A focusable element without a role, which a menu must not have. The first item has the focus instead.
    Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
    Select: { defaultProps: SCROLLING_OPTIONS },
    MultiSelect: { defaultProps: SCROLLING_OPTIONS },
    // The title of a dialog is no banner of the page.
    ModalHeader: { defaultProps: { role: 'presentation' } },
    DrawerHeader: { defaultProps: { role: 'presentation' } },
  },
})

/** Colours of secondary text, hints and errors, with a contrast of at least 4.5 to 1 on the background. */
export const readable: CSSVariablesResolver = ({ colors }) => ({
  variables: {},
  light: {
    // Text on a tint of the same colour.
    ...Object.fromEntries(
      Object.entries(colors).map(([name, shades]) => [
        `--mantine-color-${name}-light-color`,
        `color-mix(in srgb, ${shades[9]}, black 40%)`,
      ]),
    ),
    '--mantine-color-dimmed': colors.gray[7],
    '--mantine-color-placeholder': colors.gray[7],
    '--mantine-color-error': colors.red[8],
  },
  dark: {
    '--mantine-color-dimmed': colors.dark[1],
    '--mantine-color-placeholder': `color-mix(in srgb, ${colors.dark[1]}, ${colors.dark[2]})`,
    '--mantine-color-error': colors.red[4],
  },
})

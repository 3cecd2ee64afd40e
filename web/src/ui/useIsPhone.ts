import { useMediaQuery } from '@mantine/hooks'

/** Returns whether the screen is narrower than the breakpoint `sm`. */
export function useIsPhone(): boolean {
  return useMediaQuery('(max-width: 47.99em)', false, { getInitialValueInEffect: false })
}

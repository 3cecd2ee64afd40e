import { Text } from '@mantine/core'
import classes from './thread.module.css'

/** What a person wrote, as it was written. */
export function Bubble({ children }: { children: string }) {
  return <Text className={classes.bubble}>{children}</Text>
}

import { Text } from '@mantine/core'
import classes from './thread.module.css'

/** The text of a user's message, unformatted. */
export function Bubble({ children }: { children: string }) {
  return (
    <Text className={classes.bubble} dir="auto">
      {children}
    </Text>
  )
}

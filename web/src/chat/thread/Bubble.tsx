import { Text } from '@mantine/core'
import { Markdown } from '../markdown/Markdown'
import { hasCodeBlock } from './hasCodeBlock'
import classes from './thread.module.css'

/** The text of a user's message: as it was typed, or formatted if it holds blocks of code. */
export function Bubble({ children }: { children: string }) {
  if (hasCodeBlock(children)) {
    return (
      <div className={`${classes.bubble} ${classes.formatted}`} dir="auto">
        <Markdown text={children} />
      </div>
    )
  }
  return (
    <Text className={classes.bubble} dir="auto">
      {children}
    </Text>
  )
}

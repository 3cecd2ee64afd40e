import { VisuallyHidden } from '@mantine/core'

/** A live region that announces the start and the end of an answer to screen readers, and not each word. */
export function Announcer({ text }: { text: string }) {
  return (
    <VisuallyHidden>
      <div aria-live="polite">{text}</div>
    </VisuallyHidden>
  )
}

import { VisuallyHidden } from '@mantine/core'

/** Tells screen readers when an answer begins and ends, and not each word of it. */
export function Announcer({ text }: { text: string }) {
  return (
    <VisuallyHidden>
      <div aria-live="polite">{text}</div>
    </VisuallyHidden>
  )
}

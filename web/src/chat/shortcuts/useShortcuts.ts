import { useEffect, useEffectEvent } from 'react'
import { hasOverlay } from '../composer/keys'
import { keyPress } from './keyPress'
import { shortcutOf, type Shortcut } from './shortcuts'

/** Handles these shortcuts while the component is mounted, except under a dialog. */
export function useShortcuts(handlers: Partial<Record<Shortcut, () => void>>): void {
  const onKeyDown = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return
    const shortcut = shortcutOf(keyPress(event))
    const handler = shortcut && handlers[shortcut]
    if (!handler || hasOverlay()) return
    event.preventDefault()
    handler()
  })

  useEffect(() => {
    const listener = (event: KeyboardEvent) => onKeyDown(event)
    document.addEventListener('keydown', listener)
    return () => document.removeEventListener('keydown', listener)
  }, [])
}

import { isTyping, type KeyPress } from './keyPress'

export type Shortcut = 'newChat' | 'focusComposer' | 'copyLast' | 'next' | 'previous' | 'help'

/** A row of the help: what it does, and its keys, in alternatives. */
export type ShortcutHelp = { label: string; keys: string[][] }

/** All shortcuts of the chat page, including those of the composer and of the sidebar. */
export const SHORTCUTS: readonly ShortcutHelp[] = [
  { label: 'New chat', keys: [['Ctrl', 'Shift', 'O']] },
  { label: 'Search', keys: [['Ctrl', 'K'], ['/']] },
  { label: 'Next chat', keys: [['Alt', '↓']] },
  { label: 'Previous chat', keys: [['Alt', '↑']] },
  { label: 'Go to the message field', keys: [['Shift', 'Esc']] },
  { label: 'Send the message', keys: [['Enter']] },
  { label: 'New line', keys: [['Shift', 'Enter']] },
  { label: 'Edit the last message (in an empty field)', keys: [['↑']] },
  { label: 'Copy the last answer', keys: [['Ctrl', 'Shift', 'C']] },
  { label: 'Stop the answer', keys: [['Esc']] },
  { label: 'Keyboard shortcuts', keys: [['Ctrl', '/'], ['?']] },
]

/** Returns the shortcut of a pressed key; null if it is none. */
export function shortcutOf(press: KeyPress): Shortcut | null {
  const { key, ctrlKey, metaKey, altKey, shiftKey } = press
  const hasMod = ctrlKey || metaKey
  if (hasMod && !altKey) {
    if (key === '/') return 'help'
    if (!shiftKey) return null
    if (key.toLowerCase() === 'o') return 'newChat'
    return key.toLowerCase() === 'c' ? 'copyLast' : null
  }
  if (hasMod) return null
  if (altKey) return shiftKey || isTyping(press) ? null : arrowShortcut(key)
  if (key === 'Escape' && shiftKey) return 'focusComposer'
  return key === '?' && press.field === null ? 'help' : null
}

function arrowShortcut(key: string): Shortcut | null {
  if (key === 'ArrowDown') return 'next'
  return key === 'ArrowUp' ? 'previous' : null
}

import { expect, it } from 'vitest'
import type { KeyPress } from './keyPress'
import { shortcutOf, type Shortcut } from './shortcuts'

const press = (key: string, change: Partial<KeyPress> = {}): KeyPress => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  field: null,
  ...change,
})

it.each<[string, KeyPress, Shortcut | null]>([
  ['Ctrl+Shift+O', press('O', { ctrlKey: true, shiftKey: true, field: 'text' }), 'newChat'],
  ['Cmd+Shift+O', press('o', { metaKey: true, shiftKey: true }), 'newChat'],
  ['Ctrl+O', press('o', { ctrlKey: true }), null],
  ['Ctrl+Shift+C', press('C', { ctrlKey: true, shiftKey: true }), 'copyLast'],
  ['Ctrl+C', press('c', { ctrlKey: true }), null],
  ['Ctrl+/', press('/', { ctrlKey: true, field: 'text' }), 'help'],
  ['?', press('?', { shiftKey: true }), 'help'],
  ['? in a field', press('?', { shiftKey: true, field: '' }), null],
  ['Shift+Escape', press('Escape', { shiftKey: true }), 'focusComposer'],
  ['Escape', press('Escape'), null],
  ['Alt+Down', press('ArrowDown', { altKey: true }), 'next'],
  ['Alt+Up in an empty field', press('ArrowUp', { altKey: true, field: '' }), 'previous'],
  ['Alt+Up in a text', press('ArrowUp', { altKey: true, field: 'text' }), null],
  ['Ctrl+Alt+Down', press('ArrowDown', { altKey: true, ctrlKey: true }), null],
])('%s', (_, given, expected) => {
  expect(shortcutOf(given)).toBe(expected)
})

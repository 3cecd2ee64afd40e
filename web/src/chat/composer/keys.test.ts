import { expect, it } from 'vitest'
import { isSendKey } from './keys'

const enter = { key: 'Enter', shiftKey: false, ctrlKey: false, metaKey: false, isComposing: false }

it('sends by Enter, but not by Shift+Enter, nor while an input method composes', () => {
  expect(isSendKey(enter, false)).toBe(true)
  expect(isSendKey({ ...enter, shiftKey: true }, false)).toBe(false)
  expect(isSendKey({ ...enter, isComposing: true }, false)).toBe(false)
  expect(isSendKey({ ...enter, key: 'a' }, false)).toBe(false)
})

it('makes Enter a new line on touch screens, where only Ctrl+Enter of a real keyboard sends', () => {
  expect(isSendKey(enter, true)).toBe(false)
  expect(isSendKey({ ...enter, ctrlKey: true }, true)).toBe(true)
})

/** The id of the field of the composer. */
export const FIELD_ID = 'message-field'

/** Focuses the composer. */
export function focusComposer(): void {
  document.getElementById(FIELD_ID)?.focus()
}

/** Whether the keyboard is one of a touch screen, which has no Shift+Enter. */
export function isTouch(): boolean {
  return matchMedia('(pointer: coarse)').matches
}

/** The key event of a field, from React or from the DOM. */
type Key = Pick<KeyboardEvent, 'key' | 'shiftKey' | 'ctrlKey' | 'metaKey' | 'isComposing'>

/** Returns whether a key sends the text of a field. On touch screens Enter is a new line, and the button sends. */
export function isSendKey(event: Key, touch = isTouch()): boolean {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return false
  return !touch || event.ctrlKey || event.metaKey
}

/** What Escape closes or cancels instead of stopping the answer. */
const TAKES_ESCAPE =
  'input, textarea, select, [role="dialog"], [role="menu"], [role="listbox"], [aria-haspopup][aria-expanded="true"]'

/** What is above the page. */
const OVERLAYS = '[role="dialog"], [role="menu"]'

/** Returns whether Escape has another meaning than to stop the answer. */
export function isEscapeTaken(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.isComposing) return true
  const { target } = event
  if (target instanceof Element && target.id !== FIELD_ID && target.closest(TAKES_ESCAPE)) return true
  return hasOverlay()
}

/** Returns whether a dialog or a menu is open. */
export function hasOverlay(): boolean {
  return Array.from(document.querySelectorAll(OVERLAYS)).some((overlay) => overlay.checkVisibility())
}

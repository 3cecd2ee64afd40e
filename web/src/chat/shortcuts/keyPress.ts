/** A pressed key, with the text of the field that it was pressed in; null outside of fields. */
export type KeyPress = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'> & {
  field: string | null
}

/** Returns what the shortcuts need of a keyboard event. */
export function keyPress(event: KeyboardEvent): KeyPress {
  const { key, ctrlKey, metaKey, altKey, shiftKey, target } = event
  return { key, ctrlKey, metaKey, altKey, shiftKey, field: fieldText(target) }
}

/** Returns whether the key was pressed in a field with text, in which arrows move the cursor. */
export function isTyping({ field }: KeyPress): boolean {
  return field !== null && field !== ''
}

function fieldText(target: EventTarget | null): string | null {
  const isField =
    target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
  return isField ? target.value : null
}

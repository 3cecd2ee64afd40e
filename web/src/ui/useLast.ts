import { useState } from 'react'

/**
 * Returns the value, or what it was before it became null: the title of a dialog that is closing. Its form is gone by
 * then, so that it is not sent twice.
 */
export function useLast<T>(value: T | null): T | null {
  const [last, setLast] = useState(value)
  if (value !== null && value !== last) setLast(value)
  return value ?? last
}

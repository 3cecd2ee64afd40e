import { useState } from 'react'

/** The chats whose thoughts are open. Kept until the page is left, so that they are open in a thread that is shown again. */
const open = new Set<string>()

/** Returns whether the thoughts of a chat are open, and a function that opens or folds them. */
export function useFold(chatId: string): [isOpen: boolean, toggle: () => void] {
  const [isOpen, setOpen] = useState(() => open.has(chatId))
  const toggle = () => {
    if (isOpen) open.delete(chatId)
    else open.add(chatId)
    setOpen(!isOpen)
  }
  return [isOpen, toggle]
}

/** What is typed into the form of index.html before the log-in page is loaded. */
export type TypedEarly = {
  username: string
  password: string
  focused: 'username' | 'password' | null
  /** Whether the form was submitted. */
  isSubmitted: boolean
}

const NOTHING: TypedEarly = { username: '', password: '', focused: null, isSubmitted: false }

/** What was typed into a form that was removed before the log-in page appeared, as for an unreachable server. */
let leftover = NOTHING
let isTaken = false

/** Removes what index.html shows until a page is there. */
export function removeBoot(): void {
  if (!isTaken) leftover = { ...readTypedEarly(), focused: null, isSubmitted: false }
  document.getElementById('boot')?.remove()
}

/** Returns what has been typed so far. */
export function readTypedEarly(): TypedEarly {
  const username = document.getElementById('boot-username')
  const password = document.getElementById('boot-password')
  if (!(username instanceof HTMLInputElement) || !(password instanceof HTMLInputElement)) return leftover
  const { activeElement } = document
  return {
    username: username.value,
    password: password.value,
    focused: activeElement === username ? 'username' : activeElement === password ? 'password' : null,
    isSubmitted: document.getElementById('boot-form')?.dataset.submitted === 'true',
  }
}

/** Returns what was typed, for the form that takes it over. */
export function takeTypedEarly(): TypedEarly {
  const typed = readTypedEarly()
  isTaken = true
  leftover = NOTHING
  return typed
}

/**
 * Moves the style sheets of the first load from the body, where index.html has them so that they do not delay the first
 * paint, to the head: those of lazily loaded pages are appended there, and must come later to override them.
 */
export function moveStyles(): void {
  for (const link of document.querySelectorAll<HTMLLinkElement>('body > link[rel="stylesheet"]')) {
    const copy = document.createElement('link')
    copy.rel = 'stylesheet'
    copy.crossOrigin = link.crossOrigin
    copy.href = link.href
    // From the cache. Both apply until then.
    copy.addEventListener('load', () => link.remove())
    document.head.append(copy)
  }
}

import type { Root } from 'hast'
import { startTransition, useEffect, useRef, useState } from 'react'
import type { Formatted } from './formatter'
import { reuseUnchanged } from './reuseUnchanged'
import { formatter } from './sharedFormatter'

type Shown = { text: string; formatted: Formatted }

/**
 * Returns the last formatted version of a text; null before the first. While a text grows there is one run at a time, and
 * the next one formats the newest text.
 */
export function useFormatted(text: string): Shown | null {
  const [shown, setShown] = useState<Shown | null>(() => cached(text))
  const newest = useRef<string | null>(null)
  const last = useRef<Shown | null>(null)
  const isRunning = useRef(false)

  useEffect(() => {
    newest.current = text
    if (!isRunning.current) void run()

    async function run() {
      isRunning.current = true
      // Until the newest text is formatted, or the component unmounts.
      while (newest.current !== null && newest.current !== last.current?.text) {
        const next = await formatMore(last.current, newest.current)
        last.current = next
        startTransition(() => setShown((before) => mergeShown(before, next)))
      }
      isRunning.current = false
    }

    return () => {
      newest.current = null
    }
  }, [text])

  return shown
}

/** Formats a text, unless it extends a rejected one. */
async function formatMore(last: Shown | null, text: string): Promise<Shown> {
  const isRejected = last?.formatted === 'rejected' && text.startsWith(last.text)
  return { text, formatted: isRejected ? 'rejected' : await formatter.format(text) }
}

function cached(text: string): Shown | null {
  const formatted = formatter.peek(text)
  return formatted === undefined ? null : { text, formatted }
}

/** Reuses the unchanged blocks of the last version. */
function mergeShown(before: Shown | null, next: Shown): Shown {
  const old = before?.formatted
  if (!isTree(old) || !isTree(next.formatted)) return next
  return { text: next.text, formatted: reuseUnchanged(old, next.formatted) }
}

function isTree(formatted: Formatted | undefined): formatted is Root {
  return typeof formatted === 'object'
}

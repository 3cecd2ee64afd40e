import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'

/** The distance from the end, in pixels, that counts as the end. */
const SLACK = 48

type Options = {
  /** Changes when content is inserted at the top; the visible content then keeps its position. */
  oldest: string | null
  /** Whether the initial position is another than the end. */
  isHeld: boolean
}

/** Keeps a scroll container at its end while its content grows, until the user scrolls up. */
export function useStickyScroll({ oldest, isHeld }: Options) {
  const scroller = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const [isAtEnd, setAtEnd] = useState(!isHeld)
  const sticks = useRef(!isHeld)

  useEffect(() => {
    const outer = scroller.current
    const inner = content.current
    if (!outer || !inner) return
    const look = () => {
      sticks.current = outer.scrollHeight - outer.scrollTop - outer.clientHeight < SLACK
      setAtEnd(sticks.current)
    }
    const follow = new ResizeObserver(() => {
      if (sticks.current) outer.scrollTop = outer.scrollHeight
      look()
    })
    follow.observe(inner)
    follow.observe(outer)
    outer.addEventListener('scroll', look, { passive: true })
    return () => {
      follow.disconnect()
      outer.removeEventListener('scroll', look)
    }
  }, [])

  const before = useRef({ oldest, height: 0 })
  useLayoutEffect(() => {
    const outer = scroller.current
    if (!outer) return
    const grown = outer.scrollHeight - before.current.height
    if (before.current.oldest !== null && before.current.oldest !== oldest && !sticks.current) outer.scrollTop += grown
    before.current = { oldest, height: outer.scrollHeight }
  })

  const toEnd = useCallback(() => {
    const outer = scroller.current
    if (!outer) return
    // Not smoothly: a growing answer would outrun the animation.
    sticks.current = true
    outer.scrollTop = outer.scrollHeight
  }, [])

  return { scroller, content, isAtEnd, toEnd }
}

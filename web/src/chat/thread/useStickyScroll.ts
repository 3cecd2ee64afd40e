import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { ScrollFollower } from './scrollFollower'

/** The keys that scroll up. */
const UP_KEYS = new Set(['ArrowUp', 'PageUp', 'Home'])

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
  const [follower] = useState(() => new ScrollFollower(!isHeld))
  const [isAtEnd, setAtEnd] = useState(!isHeld)

  useEffect(() => {
    const outer = scroller.current
    const inner = content.current
    if (!outer || !inner) return
    const show = () => setAtEnd(follower.isAtEnd(outer))
    const resize = new ResizeObserver(() => {
      follower.resized(outer)
      show()
    })
    resize.observe(inner)
    resize.observe(outer)
    const listeners: Partial<{ [K in keyof HTMLElementEventMap]: (event: HTMLElementEventMap[K]) => void }> = {
      scroll: () => {
        follower.scrolled(outer)
        show()
      },
      wheel: ({ deltaY, target }) => {
        if (deltaY < 0 && !scrollsWithin(outer, target)) follower.userMovesUp(outer)
      },
      touchmove: ({ target }) => {
        if (!scrollsWithin(outer, target)) follower.userMoves()
      },
      touchend: ({ target }) => {
        if (!scrollsWithin(outer, target)) follower.userMoves()
      },
      keydown: ({ key, target, shiftKey }) => {
        if (isTyping(target) || scrollsWithin(outer, target)) return
        if (UP_KEYS.has(key) || (key === ' ' && shiftKey)) follower.userMovesUp(outer)
      },
      // The scroll bar belongs to the container itself.
      pointerdown: ({ target }) => {
        if (target === outer) follower.userMoves()
      },
      pointermove: ({ target, buttons }) => {
        if (target === outer && buttons !== 0) follower.userMoves()
      },
    }
    const entries = Object.entries(listeners) as [string, EventListener][]
    for (const [name, listener] of entries) outer.addEventListener(name, listener, { passive: true })
    return () => {
      resize.disconnect()
      for (const [name, listener] of entries) outer.removeEventListener(name, listener)
    }
  }, [follower])

  const before = useRef({ oldest, height: 0 })
  useLayoutEffect(() => {
    const outer = scroller.current
    if (!outer) return
    const grown = outer.scrollHeight - before.current.height
    if (before.current.oldest !== null && before.current.oldest !== oldest && !follower.isFollowing)
      outer.scrollTop += grown
    before.current = { oldest, height: outer.scrollHeight }
  })

  const toEnd = useCallback(() => {
    const outer = scroller.current
    if (!outer) return
    follower.toEnd(outer)
    setAtEnd(true)
  }, [follower])

  const letGo = useCallback(() => follower.letGo(), [follower])

  return { scroller, content, isAtEnd, toEnd, letGo }
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement
}

/** Returns whether an input scrolls a container within this one. */
function scrollsWithin(outer: HTMLElement, target: EventTarget | null): boolean {
  const inner = target instanceof Element ? target.closest('[data-scroller]') : null
  return inner !== null && inner !== outer && inner.scrollHeight > inner.clientHeight
}

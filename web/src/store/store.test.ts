import { describe, expect, it, vi } from 'vitest'
import { Store } from './store'

class Counter extends Store<{ count: number; name: string }> {
  constructor() {
    super({ count: 0, name: 'clicks' })
  }

  increment(): void {
    this.patchState({ count: this.state.count + 1 })
  }

  reset(name: string): void {
    this.setState({ count: 0, name })
  }
}

describe('Store', () => {
  it('patches some fields, and replaces the state', () => {
    const counter = new Counter()
    counter.increment()
    expect(counter.state).toEqual({ count: 1, name: 'clicks' })
    counter.reset('taps')
    expect(counter.state).toEqual({ count: 0, name: 'taps' })
  })

  it('returns the same snapshot until the state changes, and never changes an old one', () => {
    const counter = new Counter()
    const { getSnapshot } = counter
    const before = getSnapshot()
    expect(getSnapshot()).toBe(before)
    counter.increment()
    expect(getSnapshot()).not.toBe(before)
    expect(before.count).toBe(0)
  })

  it('notifies each listener once per change, after the change, until it unsubscribes', () => {
    const counter = new Counter()
    const counts: number[] = []
    const { subscribe } = counter
    const unsubscribe = subscribe(() => counts.push(counter.state.count))
    const other = vi.fn()
    subscribe(other)
    counter.increment()
    unsubscribe()
    counter.increment()
    expect(counts).toEqual([1])
    expect(other).toHaveBeenCalledTimes(2)
  })

  it('keeps the listeners of stores apart', () => {
    const listener = vi.fn()
    new Counter().subscribe(listener)
    new Counter().increment()
    expect(listener).not.toHaveBeenCalled()
  })
})

/** A state outside of components, with listeners. The base class of all stores, in the shape of `useSyncExternalStore`. */
export class Store<S> {
  private current: S
  private readonly listeners = new Set<() => void>()

  constructor(initial: S) {
    this.current = initial
  }

  get state(): S {
    return this.current
  }

  // Bound, since React calls both without the store.
  readonly getSnapshot = (): S => this.current

  /** Adds a listener. Returns the function that removes it. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Replaces the state, and notifies the listeners. */
  protected setState(state: S): void {
    this.current = state
    for (const listener of this.listeners) listener()
  }

  /** Replaces some fields of the state. Never in place: React compares snapshots by identity. */
  protected patchState(change: Partial<S>): void {
    this.setState({ ...this.current, ...change })
  }
}

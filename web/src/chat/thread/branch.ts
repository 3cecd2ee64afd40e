/** Runs an action that may change which messages are in the thread. */
export type Branch = (action: () => Promise<void> | void) => Promise<void>
